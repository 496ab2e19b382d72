import type { JobView } from '../../domain/jobs/types';
import type { Answer } from '../http/answer';
import { API_BASE } from './order-answers';

/** A job as clients see it. */
export function jobBody({ file, version: _version, ...job }: JobView): Record<string, unknown> {
  const downloadUrl = file && `${API_BASE}/downloads/${job.jobId}.${file}`;
  return { ...job, downloadUrl };
}

/** 202 for a job that was made, now or by an earlier request: where it can be watched. */
export function jobAccepted({ jobId, status }: Pick<JobView, 'jobId' | 'status'>, isRepeat: boolean): Answer {
  const location = `${API_BASE}/jobs/${jobId}`;
  const headers = { location, ...(isRepeat ? { 'idempotency-replayed': 'true' } : {}) };
  return { status: 202, body: { jobId, status }, headers };
}
