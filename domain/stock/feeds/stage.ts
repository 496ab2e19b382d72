import { createHash, type Hash } from 'node:crypto';
import type { Database } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { effectiveTime } from '../ledger/stock-ledger';
import { createJob, readJob } from '../../jobs/jobs';
import type { JobView } from '../../jobs/types';
import { COPY_BARE_ROWS, COPY_ROWS, countLocations, selectDigest, setUploaded } from './queries';
import { readFeed } from './read-feed';
import type { FeedOptions, FeedReject, FeedRow } from './types';
import { addToUpload, beginUpload, dropUpload, keepUpload, uploadLost } from './uploads';

export interface NewFeed extends FeedOptions {
  jobId: string;
  actor: string;
  /** As of when the rows of a `set` feed are true that do not say so, RFC 3339; by default when the upload began. */
  asOf?: string | undefined;
  /** The feed itself, unpacked. */
  source: AsyncIterable<Buffer>;
}

const PIECE_CHARACTERS = 65_536;
/** Of one transaction, about 40,000 rows. One chunk is gathered while another is written. */
const CHUNK_BYTES = 1_048_576;
/** A UTF-16 unit is at most so many bytes of UTF-8. */
const BYTES_OF_CHARACTER = 3;

/**
 * Reads a feed and stages its rows, chunk by chunk, each in a transaction that begins when all of the chunk is there: none
 * waits for the client. The job that will import them comes last; an upload that breaks off leaves nothing. Memory is that
 * of a few chunks, however long the feed.
 * A job that is there already is returned (`isNew` false) when it was made from the very same feed.
 *
 * @throws what `readFeed` and `effectiveTime` throw; AppError `UNKNOWN_LOCATION` for the default; `IDEMPOTENCY_KEY_REUSED` for a job of another
 *   feed; `IDEMPOTENCY_IN_FLIGHT` while the same job is being uploaded elsewhere
 */
export async function stageFeed(db: Database, feed: NewFeed): Promise<{ job: JobView; isNew: boolean }> {
  const { jobId, location, source } = feed;
  if (location !== null) await requireLocation(db, location);
  const known = await readJob(db, jobId);
  if (known) return { job: await sameJob(db, known, source), isNew: false };
  const asOf = await effectiveTime(db, feed.asOf);
  const feedId = await beginUpload(db, jobId, { mode: feed.mode, asOf });
  const keeper = keepUpload(db, feedId);
  try {
    // Another upload may have ended between the two.
    const meanwhile = await readJob(db, jobId);
    if (!meanwhile) return { job: await upload(db, feedId, { ...feed, asOf }), isNew: true };
    await dropUpload(db, feedId);
    return { job: await sameJob(db, meanwhile, source), isNew: false };
  } catch (error) {
    // What cannot be removed now is removed by `removeOrphanedUploads`.
    await dropUpload(db, feedId).catch(() => undefined);
    throw error;
  } finally {
    keeper.stop();
  }
}

async function upload(db: Database, feedId: number, feed: NewFeed): Promise<JobView> {
  const { jobId, actor, source, ...options } = feed;
  const digest = createHash('sha256');
  const read: ReadSoFar = { lines: 0, lotLines: 0, unreadFrom: null };
  let writing: Promise<unknown> = Promise.resolve();
  try {
    for await (const chunk of chunksOf(feedId, readFeed(digested(source, digest), options), read)) {
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
    const job = await createJob(tx, { id: jobId, type: 'feed', input: { ...options }, actor });
    if (!(await setUploaded(tx, feedId, jobId, { ...read, digest: digest.copy().digest('hex') })))
      throw uploadLost();
    return job;
  });
}

/** A code that is written with other capitals is taken when just one location fits, as in the rows of a feed. */
async function requireLocation(db: Database, location: string): Promise<void> {
  const count = await countLocations(db, location);
  if (count === 1) return;
  const message =
    count === 0
      ? `There is no location ${location}.`
      : `There is no location ${location}, and ${count} are written so but for capitals.`;
  throw new AppError('UNKNOWN_LOCATION', message, { location });
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
  /** Of these, rows that name a lot. */
  lotLines: number;
  unreadFrom: number | null;
}

interface Chunk {
  /** In PostgreSQL's text format of COPY. */
  rows: Buffer;
  copy: string;
}

/**
 * Rows gathered into chunks. Most rows say what stock is where and nothing else: they are copied apart, without the other columns, which
 * are half of the bytes.
 */
async function* chunksOf(
  feedId: number,
  source: AsyncIterable<(FeedRow | FeedReject)[]>,
  soFar: ReadSoFar,
): AsyncGenerator<Chunk> {
  const bare = gatherChunks(COPY_BARE_ROWS);
  const whole = gatherChunks(COPY_ROWS);
  for await (const rows of source) {
    soFar.lines += rows.length;
    for (const row of rows) {
      if (row.lot !== undefined && row.lot !== null) soFar.lotLines += 1;
      if ('code' in row && row.code === 'QUOTE_UNCLOSED') soFar.unreadFrom = row.line;
      const chunk = isBare(row)
        ? bare.add(`${feedId}\t${row.line}\t${escaped(row.sku)}\t${escaped(row.location)}\t${row.quantity}\n`)
        : whole.add('code' in row ? rejectLine(feedId, row) : rowLine(feedId, row));
      if (chunk) yield chunk;
    }
  }
  yield* bare.rest();
  yield* whole.rest();
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

function isBare(row: FeedRow | FeedReject): row is FeedRow {
  return (
    !('code' in row) &&
    row.reason === null &&
    row.reference === null &&
    row.asOf === undefined &&
    row.lot === undefined
  );
}

function rowLine(feedId: number, row: FeedRow): string {
  const { line, sku, location, lot, quantity, reason, reference, asOf } = row;
  return (
    `${feedId}\t${line}\t${escaped(sku)}\t${escaped(location)}\t${quantity}\t${escaped(reason)}\t${escaped(reference)}` +
    `\t${escaped(asOf ?? null)}\t\\N\t\\N\t\\N\t${escaped(lot ?? null)}\n`
  );
}

function rejectLine(feedId: number, row: FeedReject): string {
  const { line, sku, location, lot, quantity, code, reason } = row;
  return (
    `${feedId}\t${line}\t${escaped(sku)}\t${escaped(location)}\t\\N\t\\N\t\\N\t\\N` +
    `\t${escaped(quantity)}\t${code}\t${escaped(reason)}\t${escaped(lot)}\n`
  );
}

/** Control characters are not in it any more, so a backslash is all that COPY would take for something else. */
function escaped(text: string | null): string {
  if (text === null) return '\\N';
  return text.includes('\\') ? text.replaceAll('\\', '\\\\') : text;
}
