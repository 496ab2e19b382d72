import type { Settings } from '../platform/config';
import { openJobClient } from './job-client';
import type { Output } from './output';

/** `holdfast jobs`: the latest jobs, one a line. */
export async function listJobs(settings: Settings, url: string | undefined, output: Output): Promise<number> {
  const client = await openJobClient(settings, url);
  const jobs = await client.jobs();
  output.json(jobs);
  if (jobs.length === 0) output.line('There are no jobs.');
  for (const job of jobs) {
    const rows = `${job.processed}/${job.total ?? '?'}`;
    output.line(
      [
        job.jobId,
        job.type.padEnd(11),
        job.status.padEnd(9),
        `${job.progress}%`.padStart(4),
        rows,
        job.createdAt,
      ].join('  '),
    );
  }
  return 0;
}

/** `holdfast jobs cancel ID` */
export async function cancelJob(
  settings: Settings,
  request: { jobId: string; url: string | undefined },
  output: Output,
): Promise<number> {
  const client = await openJobClient(settings, request.url);
  const job = await client.cancel(request.jobId);
  output.json(job);
  output.line(job.status === 'cancelled' ? 'It is cancelled.' : 'It stops at its next step.');
  return 0;
}
