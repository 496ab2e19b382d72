import { createHash, type Hash } from 'node:crypto';
import type { Database } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { createJob, readJob } from '../jobs/jobs';
import type { JobType, JobView } from '../jobs/types';
import { selectDigest, setUploaded, type BegunUpload } from './queries';
import type { UploadMode } from './types';
import { addToUpload, beginUpload, dropUpload, keepUpload, uploadLost, type ForgetRows } from './receiving';

/** A row as it was read. `code`: why it is rejected. */
interface ReadRow {
  line: number;
  code?: string | null;
  /** The lot that it names. */
  lot?: string | null | undefined;
}

/** A row as a line of PostgreSQL's text format of COPY, and the statement that takes it. */
export interface CopyLine {
  copy: string;
  line: string;
}

/** What is uploaded, and how its rows are read and staged. */
export interface NewUpload<Row extends ReadRow> {
  jobId: string;
  type: JobType;
  actor: string;
  mode: UploadMode;
  /**
   * As of when the rows are true, where that is given; undefined: when the upload began. Asked for once it is known that there is no such
   * job yet.
   */
  timeOf?: () => Promise<string | undefined>;
  /** What is uploaded, unpacked. */
  source: AsyncIterable<Buffer>;
  /** The rows in it, some at a time. A reject `QUOTE_UNCLOSED` is the last. */
  read(source: AsyncIterable<Buffer>): AsyncIterable<Row[]>;
  /** Rows of one statement of COPY are copied together. */
  lineOf(feedId: number, row: Row): CopyLine;
  /** What the job is asked to do. Asked for when all was read. */
  input(asOf: string): Record<string, unknown>;
  forget: ForgetRows;
}

const PIECE_CHARACTERS = 65_536;
/** Of one transaction, about 40,000 rows. One chunk is gathered while another is written. */
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
  const begun = await beginUpload(db, jobId, { mode, asOf: await upload.timeOf?.() });
  const feedId = begun.id;
  const keeper = keepUpload(db, feedId);
  try {
    // Another upload may have ended between the two.
    const meanwhile = await readJob(db, jobId);
    if (!meanwhile) return { job: await take(db, begun, upload), isNew: true };
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
  { id: feedId, asOf }: BegunUpload,
  upload: NewUpload<Row>,
): Promise<JobView> {
  const { jobId, type, actor, source } = upload;
  const digest = createHash('sha256');
  const read: ReadSoFar = { lines: 0, lotLines: 0, unreadFrom: null };
  const lineOf = (row: Row) => upload.lineOf(feedId, row);
  let writing: Promise<unknown> = Promise.resolve();
  try {
    for await (const chunk of chunksOf(upload.read(digested(source, digest)), lineOf, read)) {
      await writing;
      writing = addToUpload(db, feedId, (tx) => tx.copyIn(chunk.copy, only(chunk.rows)));
      // Awaited before the next one; it may fail while the client is waited for.
      writing.catch(() => undefined);
    }
    await writing;
  } finally {
    // An upload that breaks off is removed when its last chunk is written: who removes it would wait for that with a time limit.
    await writing.catch(() => undefined);
  }
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
    'This key was used with another upload. Use a new key for a new upload.',
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
  /** Of these, rows that name a lot. */
  lotLines: number;
  unreadFrom: number | null;
}

interface Chunk {
  /** In PostgreSQL's text format of COPY. */
  rows: Buffer;
  copy: string;
}

/** Rows gathered into chunks, those of each statement of COPY apart. */
async function* chunksOf<Row extends ReadRow>(
  source: AsyncIterable<Row[]>,
  lineOf: (row: Row) => CopyLine,
  soFar: ReadSoFar,
): AsyncGenerator<Chunk> {
  const gathered = new Map<string, ReturnType<typeof gatherChunks>>();
  for await (const rows of source) {
    soFar.lines += rows.length;
    for (const row of rows) {
      if (row.lot !== undefined && row.lot !== null) soFar.lotLines += 1;
      if (row.code === 'QUOTE_UNCLOSED') soFar.unreadFrom = row.line;
      const { copy, line } = lineOf(row);
      let chunks = gathered.get(copy);
      if (!chunks) gathered.set(copy, (chunks = gatherChunks(copy)));
      const chunk = chunks.add(line);
      if (chunk) yield chunk;
    }
  }
  for (const chunks of gathered.values()) yield* chunks.rest();
}

/**
 * Two buffers take turns: a chunk is to be done with when the one after the next is asked for. New buffers for each chunk would
 * stay until the next full garbage collection.
 */
function gatherChunks(copy: string): { add(line: string): Chunk | null; rest(): Chunk[] } {
  let filling: Buffer | undefined;
  let other: Buffer | undefined;
  let used = 0;
  let text = '';
  return {
    add(line) {
      text += line;
      if (text.length < PIECE_CHARACTERS) return null;
      filling ??= Buffer.allocUnsafe(CHUNK_BYTES);
      if (used + text.length * BYTES_OF_CHARACTER > CHUNK_BYTES) {
        const full = { copy, rows: filling.subarray(0, used) };
        [filling, other] = [other ?? Buffer.allocUnsafe(CHUNK_BYTES), filling];
        used = 0;
        // The other buffer may still be read from: the text stays until the next row.
        return full;
      }
      used += filling.write(text, used);
      text = '';
      return null;
    },
    rest() {
      const chunks: Chunk[] = [];
      if (filling && used > 0) chunks.push({ copy, rows: filling.subarray(0, used) });
      if (text !== '') chunks.push({ copy, rows: Buffer.from(text) });
      return chunks;
    },
  };
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
