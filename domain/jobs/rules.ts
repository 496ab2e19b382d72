import type { JobStatus } from './types';

/** From which states each state can be reached. */
export const JOB_TRANSITIONS = {
  queued: [],
  running: ['queued'],
  completed: ['queued', 'running'],
  cancelled: ['queued', 'running'],
  failed: ['queued', 'running'],
} as const satisfies Record<JobStatus, readonly JobStatus[]>;

export function jobHasEnded(status: JobStatus): boolean {
  return status === 'completed' || status === 'cancelled' || status === 'failed';
}

/** Per cent of the work, rounded down: 100 is kept for a job that is completed. */
export function jobProgress(job: { status: JobStatus; processed: number; total: number | null }): number {
  if (job.status === 'completed') return 100;
  if (job.total === null || job.total === 0) return 0;
  return Math.min(99, Math.floor((job.processed / job.total) * 100));
}
