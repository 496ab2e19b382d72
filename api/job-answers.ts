import type { JobView } from '../domain/jobs/types';
import type { Answer } from './answer';
import { API_BASE } from './order-answers';

/** A job as clients see it. */
export function jobBody({ file, version: _version, ...job }: JobView): Record<string, unknown> {
  const downloadUrl = file && `${API_BASE}/downloads/${job.jobId}.${file}`;
  return { ...job, downloadUrl };
}

/** 202 for a job that was made: where it can be watched. */
export function jobAccepted({ jobId, status }: Pick<JobView, 'jobId' | 'status'>): Answer {
  return { status: 202, body: { jobId, status }, headers: { location: `${API_BASE}/jobs/${jobId}` } };
}
