import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SingleBar } from 'cli-progress';
import { z } from 'zod';
import type { Settings } from '../platform/config';
import { AppError, isAppError, messageOf } from '../platform/errors';
import { newId } from '../platform/ids';
import { shell } from '../platform/told-commands';
import { jobHasEnded, openJobClient, type CliJob, type JobClient } from './job-client';
import type { Output } from './output';

/** How any file is uploaded. */
export interface UploadOptions {
  /** A path, or `-` for standard input. */
  file: string;
  format?: 'csv' | 'ndjson';
  /** As in a Content-Type. */
  charset?: string;
  url?: string;
}

/** What an upload becomes. */
export interface UploadJob {
  /** Where it is sent, under /api/v1. */
  path: string;
  /** Parameters; those that are undefined are left out. */
  query: Readonly<Record<string, string | undefined>>;
  /** Members of the result that are told at the end, beside `rejected`. */
  told: readonly string[];
  /** Of the file of rejects where the upload came from standard input. */
  name: string;
  /** What else the result has to tell. */
  notesOn?(result: unknown): string[];
}

const MEDIA_TYPES = { csv: 'text/csv', ndjson: 'application/x-ndjson' } as const;
const NOTHING_LEFT = 0;
const SOMETHING_FAILED = 1;
const REFUSED = 2;

/**
 * Uploads a file, watches its import and keeps the rows that were rejected.
 *
 * @returns 0 when every row was applied or said what was so already; 1 when rows were rejected, or the import was cancelled
 *   or failed; 2 when the file cannot be read or the API refuses it as a whole
 */
export async function runUpload(
  settings: Settings,
  options: UploadOptions,
  kind: UploadJob,
  output: Output,
): Promise<number> {
  const client = await openJobClient(settings, options.url);
  try {
    const jobId = await upload(client, options, kind);
    output.line(`Job ${jobId}`);
    output.line(`Cancel it with: ${shell`holdfast jobs cancel ${jobId}`} (Ctrl-C only stops watching)`);
    const job = await watch(client, jobId, output);
    return await printEnd(client, job, { ...options, ...kind }, output);
  } catch (error) {
    if (!isAppError(error) || !isRefusal(error)) throw error;
    process.stderr.write(`holdfast: ${error.message} (${error.code})\n`);
    output.json({ error: { code: error.code, message: error.message } });
    return REFUSED;
  }
}

function isRefusal({ code, details }: AppError): boolean {
  const { status } = details;
  return code === 'FILE_UNREADABLE' || (typeof status === 'number' && status >= 400 && status < 500);
}

async function upload(client: JobClient, options: UploadOptions, kind: UploadJob): Promise<string> {
  const { head, whole } = await opened(options.file);
  const isPacked = head[0] === 0x1f && head[1] === 0x8b;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(kind.query)) {
    if (value !== undefined) query.set(name, value);
  }
  const type = MEDIA_TYPES[options.format ?? formatOf(options.file, head)];
  // `duplex` is what fetch asks for where a body is a stream; its types do not know it.
  const init: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    headers: {
      'content-type': options.charset === undefined ? type : `${type}; charset=${options.charset}`,
      'idempotency-key': newId(),
      ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
    },
    body: Readable.toWeb(Readable.from(whole, { objectMode: false })) as ReadableStream,
    duplex: 'half',
  };
  const response = await client.call(`${kind.path}?${query.toString()}`, init);
  const body: unknown = await response.json();
  if (typeof body === 'object' && body !== null && 'jobId' in body) return String(body.jobId);
  throw new AppError('API_UNAVAILABLE', `${client.url} does not answer as Holdfast does.`);
}

/** The first bytes of a file tell what it is; they are sent with the rest. */
async function opened(file: string): Promise<{ head: Buffer; whole: AsyncIterable<Buffer> }> {
  const source: Readable = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 262_144 });
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await chunks.next().catch((cause: unknown) => {
    const reason = messageOf(cause);
    throw new AppError('FILE_UNREADABLE', `${file} can't be read: ${reason}`, {}, { cause });
  });
  const head: Buffer = first.done ? Buffer.alloc(0) : first.value;
  async function* whole(): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  }
  return { head, whole: whole() };
}

function formatOf(file: string, head: Buffer): 'csv' | 'ndjson' {
  if (/\.(ndjson|jsonl|json)(\.gz)?$/i.test(file)) return 'ndjson';
  return head.toString('utf8', 0, 100).trimStart().startsWith('{') ? 'ndjson' : 'csv';
}

const LINE_EVERY_MS = 1_000;

async function watch(client: JobClient, jobId: string, output: Output): Promise<CliJob> {
  const bar = process.stderr.isTTY
    ? new SingleBar({
        format: '  [{bar}] {percentage}% {value}/{total} rows, {rate}/s, {rejected} rejected {words}',
      })
    : undefined;
  let toldAt = Number.NEGATIVE_INFINITY;
  let last: CliJob | undefined;
  for await (const job of client.watch(jobId)) {
    const shown = { rate: job.rowsPerSecond ?? 0, rejected: job.rejected ?? 0, words: pauseText(job) };
    if (bar && !last) bar.start(job.total ?? 0, job.processed, shown);
    if (bar && job.total !== null) bar.setTotal(job.total);
    bar?.update(job.processed, shown);
    if (!bar && performance.now() - toldAt > LINE_EVERY_MS) {
      toldAt = performance.now();
      output.line(
        `  ${job.progress}% ${job.processed}/${job.total ?? '?'} rows, ${shown.rate}/s ${shown.words}`.trimEnd(),
      );
    }
    last = job;
    if (jobHasEnded(job)) break;
  }
  bar?.stop();
  if (!last) throw new AppError('API_UNAVAILABLE', `${client.url} told nothing of job ${jobId}.`);
  return last;
}

function pauseText({ details }: CliJob): string {
  return details['breaker'] === 'open' ? '(paused: the database is slow or failing)' : '';
}

/** A count in the result of a job. */
export const figure = z.number().default(0);
const resultSchema = z.looseObject({
  rejected: figure,
  left: figure,
  seconds: figure,
  rowsPerSecond: figure,
  ignored: z.array(z.string()).default([]),
});

async function printEnd(
  client: JobClient,
  job: CliJob,
  { file, told, name, notesOn }: UploadOptions & UploadJob,
  output: Output,
): Promise<number> {
  const result = resultSchema.parse(job.result ?? {});
  const { rejected, left, seconds, rowsPerSecond, ignored } = result;
  const done = told.map((word) => `${figure.parse(result[word])} ${word}`).join(', ');
  const rest = job.status === 'completed' ? '' : `, ${left} left`;
  output.line(`${job.status}: ${done}, ${rejected} rejected${rest}; ${seconds} s, ${rowsPerSecond} rows/s`);
  for (const note of notesOn?.(result) ?? []) output.line(note);
  if (ignored.length > 0) output.line(`Columns that mean nothing here: ${ignored.join(', ')}`);
  if (job.error) output.line(`${job.error.code}: ${job.error.detail}`);
  const rejects = `${file === '-' ? `${name}-${job.jobId}` : file}.rejects.csv`;
  if (job.rejected) {
    const response = await client.call(`/downloads/${job.jobId}.csv`);
    if (response.body) await pipeline(Readable.fromWeb(response.body), createWriteStream(rejects));
    output.line(`Rejected rows: ${rejects}`);
  }
  output.json({ ...job, rejects: job.rejected ? rejects : null });
  return job.status === 'completed' && !job.rejected ? NOTHING_LEFT : SOMETHING_FAILED;
}
