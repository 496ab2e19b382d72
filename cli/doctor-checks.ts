/** What `holdfast doctor` can be asked to look at. */
export const DOCTOR_PARTS = ['database', 'temporal', 'worker', 'api'] as const;

export type DoctorPart = (typeof DOCTOR_PARTS)[number];

/** What the doctor found out about one thing. */
export interface Finding {
  name: string;
  ok: boolean;
  detail: string;
  /** What to do about it. */
  advice?: string;
}

export interface DoctorOptions {
  /** Empty for all. */
  parts: readonly DoctorPart[];
  /** Counts only workers of this host. */
  thisHost: boolean;
}
