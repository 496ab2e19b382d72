import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { JOB_STATUSES } from '../domain/jobs/types';
import { ownAddress, type Settings } from '../platform/config';
import { AppError } from '../platform/errors';
import { signedInHeaders } from './api-key';
import { readDevFile } from './dev-file';
import { eventData } from './event-source';

const jobSchema = z.object({
  jobId: z.string(),
  type: z.string(),
  status: z.enum(JOB_STATUSES),
  progress: z.number(),
  processed: z.number(),
  total: z.number().nullable(),
  rowsPerSecond: z.number().nullable(),
  rejected: z.number().nullable(),
  details: z.record(z.string(), z.unknown()),
  result: z.record(z.string(), z.unknown()).nullable(),
  downloadUrl: z.string().nullable(),
  error: z.object({ code: z.string(), detail: z.string() }).nullable(),
  createdAt: z.string(),
});
const problemSchema = z.object({ code: z.string(), detail: z.string() });

export type CliJob = z.infer<typeof jobSchema>;

export function jobHasEnded(job: CliJob): boolean {
  return job.status !== 'queued' && job.status !== 'running';
}

export interface JobClient {
  readonly url: string;
  /** Any call under /api/v1. @throws AppError the problem that was answered, `API_UNAVAILABLE` when nobody answers */
  call(path: string, init?: RequestInit): Promise<Response>;
  job(jobId: string): Promise<CliJob>;
  /** Newest first. */
  jobs(): Promise<CliJob[]>;
  cancel(jobId: string): Promise<CliJob>;
  /** A job whenever it changes, until it has ended. A stream that breaks off is opened again. */
  watch(jobId: string): AsyncGenerator<CliJob>;
}

/** Talks to the API at `given`, else at HOLDFAST_URL, else to a running `holdfast up`, else at HOST and PORT. */
export async function openJobClient(settings: Settings, given: string | undefined): Promise<JobClient> {
  const base =
    given ?? settings.HOLDFAST_URL ?? (await readDevFile(settings))?.baseUrl ?? ownAddress(settings);
  const url = `${base.replace(/\/+$/, '')}/api/v1`;

  const signedIn = await signedInHeaders(settings, base);

  const client: JobClient = {
    url: base,
    async call(path, init) {
      const headers = { ...signedIn, ...(init?.headers as Record<string, string> | undefined) };
      const response = await fetch(`${url}${path}`, { ...init, headers }).catch((error: unknown) => {
        const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : '';
        throw new AppError(
          'API_UNAVAILABLE',
          `The API at ${base} does not answer: ${cause || String(error)}`,
        );
      });
      if (response.ok) return response;
      const answered = problemSchema.safeParse(await response.json().catch(() => undefined));
      const { code, detail } = answered.success
        ? answered.data
        : { code: 'API_UNAVAILABLE', detail: `${base} answered ${response.status}.` };
      throw new AppError(code, detail, { status: response.status });
    },
    job: async (jobId) => jobSchema.parse(await (await client.call(`/jobs/${jobId}`)).json()),
    async jobs() {
      const response = await client.call('/jobs?limit=20');
      return z.object({ items: z.array(jobSchema) }).parse(await response.json()).items;
    },
    cancel: async (jobId) =>
      jobSchema.parse(await (await client.call(`/jobs/${jobId}/cancel`, { method: 'POST' })).json()),
    async *watch(jobId) {
      for (;;) {
        try {
          const response = await client.call(`/jobs/${jobId}/events`);
          for await (const data of eventData(response)) yield jobSchema.parse(JSON.parse(data));
        } catch (error) {
          // The API restarts, or a proxy has closed the stream; what is wrong with the request itself stays wrong.
          if (error instanceof AppError && error.code !== 'API_UNAVAILABLE') throw error;
        }
        const job = await client.job(jobId).catch(() => undefined);
        if (job) yield job;
        if (job && jobHasEnded(job)) return;
        await delay(RECONNECT_MS);
      }
    },
  };
  return client;
}

const RECONNECT_MS = 1_000;
