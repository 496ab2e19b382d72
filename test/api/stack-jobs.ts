import type { Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { callApi, type CallOptions } from './support';

const ENDED = ['completed', 'cancelled', 'failed'];

/** Calls about jobs of a stack with an API, and what they answer as tests read it. */
export function jobsOf<Job extends { jobId: string; status: string }>(stackOf: () => Stack) {
  async function call(method: string, path: string, options?: CallOptions) {
    const reply = await callApi(stackOf().url.replace('/api/v1', ''), method, path, options);
    // What a job answers is looked at as such.
    return { ...reply, job: reply.body as unknown as Job };
  }
  const jobOf = async (jobId: string) => (await call('GET', `/jobs/${jobId}`)).job;
  return {
    call,
    jobOf,
    /** Waits until a job has ended. */
    ended: (jobId: string) =>
      waitFor(async () => {
        const job = await jobOf(jobId);
        return ENDED.includes(job.status) ? job : null;
      }),
    /** Its workflow. */
    handleOf: (jobId: string) => {
      const { temporal, names } = stackOf();
      return temporal.client.workflow.getHandle(names.jobWorkflowId(jobId));
    },
  };
}
