import type { JobView } from '../../domain/jobs/types';
import { API_BASE } from '../http/paths';
import type { ApiResponse } from '../http/response';

/** 202 for a job that was made, now or by an earlier request, with its address. */
export function jobAccepted(
  { jobId, status }: Pick<JobView, 'jobId' | 'status'>,
  isRepeat: boolean,
): ApiResponse {
  const location = `${API_BASE}/jobs/${jobId}`;
  const headers = { location, ...(isRepeat ? { 'idempotency-replayed': 'true' } : {}) };
  return { status: 202, body: { jobId, status }, headers };
}
