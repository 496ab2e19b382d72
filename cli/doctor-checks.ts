/** What `holdfast doctor` can check. */
export const DOCTOR_CHECKS = [
  'settings',
  'database',
  'temporal',
  'worker',
  'api',
  'reports',
  'files',
] as const;

export type DoctorCheck = (typeof DOCTOR_CHECKS)[number];

/** The result of one check. */
export interface Finding {
  name: string;
  ok: boolean;
  detail: string;
  /** What to do about it. */
  advice?: string;
}

export interface DoctorOptions {
  /** Empty for all. */
  checks: readonly DoctorCheck[];
  /** Counts only workers of this host, and asks only whether they poll: whatever build is current. */
  thisHost: boolean;
}
