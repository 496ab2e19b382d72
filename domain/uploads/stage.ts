import { createHash, type Hash } from 'node:crypto';
import type { Database } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { createJob, readJob } from '../jobs/jobs';
import type { JobType, JobView } from '../jobs/types';
import { selectDigest, setUploaded } from './queries';
import type { UploadMode } from './types';
import { addToUpload, beginUpload, dropUpload, keepUpload, uploadLost, type ForgetRows } from './uploads';

/** A row as it was read. `code`: why it is rejected. */
interface ReadRow {
  line: number;
  code?: string | null;
}

/** What is uploaded, and how its rows are read and staged. */
export interface NewUpload<Row extends ReadRow> {
  jobId: string;
  type: JobType;
  actor: string;
  mode: UploadMode;
  /** As of when the rows are true; by default when the upload began. Asked for once it is known that there is no such job yet. */
  timeOf?: () => Promise<string>;
  /** What is uploaded, unpacked. */
  source: AsyncIterable<Buffer>;
  /** The rows in it, some at a time. A reject `QUOTE_UNCLOSED` is the last. */
  read(source: AsyncIterable<Buffer>): AsyncIterable<Row[]>;
  /** The statement of COPY that takes the lines. */
  copy: string;
  /** A row as a line of PostgreSQL's text format of COPY. */
  lineOf(feedId: number, row: Row): string;
  /** What the job is asked to do. Asked for when all was read. */
  input(asOf: string | undefined): Record<string, unknown>;
  forget: ForgetRows;
}

const PIECE_CHARACTERS = 65_536;
/** Of one transaction, about 25,000 rows. One chunk is gathered while another is written. */
const CHUNK_BYTES = 1_048_576;
/** A UTF-16 unit is at most so many bytes of UTF-8. */
const BYTES_OF_CHARACTER = 3;

/**
 * Reads an upload and stages its rows, chunk by chunk, each in a transaction that begins when all of the chunk is there: none
 * waits for the client. The job that will work on them comes last; an upload that breaks off leaves nothing. Memory is that
 * of a few chunks, however long the upload.
 * A job that is there already is returned (`isNew` false) when it was made from the very same upload.
 *
 * @throws what `read` and `timeOf` throw; AppError `IDEMPOTENCY_KEY_REUSED` for a job of another upload; `IDEMPOTENCY_IN_FLIGHT`
 *   while the same job is being uploaded elsewhere
 */
export async function stageUpload<Row extends ReadRow>(
  db: Database,
  upload: NewUpload<Row>,
): Promise<{ job: JobView; isNew: boolean }> {
  const { jobId, mode, source, forget } = upload;
  const known = await readJob(db, jobId);
  if (known) return { job: await sameJob(db, known, source), isNew: false };
  const asOf = await upload.timeOf?.();
  const feedId = await beginUpload(db, jobId, { mode, asOf });
  const keeper = keepUpload(db, feedId);
  try {
    // Another upload may have ended between the two.
    const meanwhile = await readJob(db, jobId);
    if (!meanwhile) return { job: await take(db, { feedId, asOf }, upload), isNew: true };
    await dropUpload(db, feedId, forget);
    return { job: await sameJob(db, meanwhile, source), isNew: false };
  } catch (error) {
    // What cannot be removed now is removed by `removeOrphanedUploads`.
    await dropUpload(db, feedId, forget).catch(() => undefined);
    throw error;
  } finally {
    keeper.stop();
  }
}

async function take<Row extends ReadRow>(
  db: Database,
  { feedId, asOf }: { feedId: number; asOf: string | undefined },
  upload: NewUpload<Row>,
): Promise<JobView> {
  const { jobId, type, actor, copy, source } = upload;
  const digest = createHash('sha256');
  const read: ReadSoFar = { lines: 0, unreadFrom: null };
  const lineOf = (row: Row) => upload.lineOf(feedId, row);
  let writing: Promise<unknown> = Promise.resolve();
  for await (const chunk of chunksOf(upload.read(digested(source, digest)), lineOf, read)) {
    await writing;
    writing = addToUpload(db, feedId, (tx) => tx.copyIn(copy, only(chunk)));
    // Awaited before the next one; it may fail while the client is waited for.
    writing.catch(() => undefined);
  }
  await writing;
  return db.retrying(async (tx) => {
    const job = await createJob(tx, { id: jobId, type, input: upload.input(asOf), actor });
    if (!(await setUploaded(tx, feedId, jobId, { ...read, digest: digest.copy().digest('hex') })))
      throw uploadLost();
    return job;
  });
}

async function sameJob(db: Database, job: JobView, source: AsyncIterable<Buffer>): Promise<JobView> {
  const digest = createHash('sha256');
  for await (const chunk of source) digest.update(chunk);
  if ((await selectDigest(db, job.jobId)) === digest.digest('hex')) return job;
  throw new AppError(
    'IDEMPOTENCY_KEY_REUSED',
    'This key was used with another feed. Use a new key for a new feed.',
  );
}

async function* digested(source: AsyncIterable<Buffer>, digest: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    digest.update(chunk);
    yield chunk;
  }
}

interface ReadSoFar {
  lines: number;
  unreadFrom: number | null;
}

/**
 * Rows in PostgreSQL's text format of COPY, gathered into chunks. Two buffers take turns: a chunk is to be done with when the one
 * after the next is asked for. New buffers for each chunk would stay until the next full garbage collection.
 */
async function* chunksOf<Row extends ReadRow>(
  source: AsyncIterable<Row[]>,
  lineOf: (row: Row) => string,
  soFar: ReadSoFar,
): AsyncGenerator<Buffer> {
  let filling = Buffer.allocUnsafe(CHUNK_BYTES);
  let other = Buffer.allocUnsafe(CHUNK_BYTES);
  let used = 0;
  let text = '';
  for await (const rows of source) {
    soFar.lines += rows.length;
    for (const row of rows) {
      text += lineOf(row);
      if (row.code === 'QUOTE_UNCLOSED') soFar.unreadFrom = row.line;
      if (text.length < PIECE_CHARACTERS) continue;
      if (used + text.length * BYTES_OF_CHARACTER > CHUNK_BYTES) {
        yield filling.subarray(0, used);
        [filling, other] = [other, filling];
        used = 0;
      }
      used += filling.write(text, used);
      text = '';
    }
  }
  if (used > 0) yield filling.subarray(0, used);
  if (text !== '') yield Buffer.from(text);
}

async function* only(chunk: Buffer): AsyncGenerator<Buffer> {
  yield chunk;
  await Promise.resolve();
}

/** A text of one line as a field of COPY: without control characters, a backslash is all that would be taken for something else. */
export function escaped(text: string | null): string {
  if (text === null) return '\\N';
  return text.includes('\\') ? text.replaceAll('\\', '\\\\') : text;
}
