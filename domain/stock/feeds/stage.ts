import { createHash, type Hash } from 'node:crypto';
import type { Database } from '../../../platform/database/database';
import { AppError, isLockTimeout } from '../../../platform/errors';
import { effectiveTime } from '../ledger/stock-ledger';
import { createJob, readJob } from '../../jobs/jobs';
import type { JobView } from '../../jobs/types';
import { COPY_ROWS, insertFeed, countLocations, selectDigest, setRead } from './queries';
import { readFeed } from './read-feed';
import type { FeedOptions, FeedReject, FeedRow } from './types';

export interface NewFeed extends FeedOptions {
  jobId: string;
  actor: string;
  /** As of when the rows of a `set` feed are true that do not say so, RFC 3339; by default when the upload began. */
  asOf?: string | undefined;
  /** The feed itself, unpacked. */
  source: AsyncIterable<Buffer>;
}

/** COPY takes large pieces best; two of these are in memory at most. */
const PIECE_CHARACTERS = 262_144;

/**
 * Reads a feed and stages its rows together with the job that will import them, in one transaction: an upload that breaks
 * off leaves nothing. Memory is that of a few chunks, however long the feed.
 * A job that is there already is returned (`isNew` false) when it was made from the very same feed.
 *
 * @throws what `readFeed` and `effectiveTime` throw; AppError `UNKNOWN_LOCATION` for the default; `IDEMPOTENCY_KEY_REUSED` for a job of another
 *   feed; `IDEMPOTENCY_IN_FLIGHT` while the same job is being uploaded elsewhere
 */
export async function stageFeed(db: Database, feed: NewFeed): Promise<{ job: JobView; isNew: boolean }> {
  const { jobId, actor, source, asOf: givenAsOf, ...options } = feed;
  const { location } = options;
  if (location !== null) await requireLocation(db, location);
  const known = await readJob(db, jobId);
  if (known) return { job: await sameJob(db, known, source), isNew: false };
  const asOf = await effectiveTime(db, givenAsOf);
  try {
    const job = await db.bulk(async (tx) => {
      const digest = createHash('sha256');
      const made = await createJob(tx, { id: jobId, type: 'feed', input: { ...options, asOf }, actor });
      const feedId = await insertFeed(tx, jobId, options.mode, asOf);
      const rows = readFeed(digested(source, digest), options);
      const lines = await tx.copyIn(COPY_ROWS, copyRows(feedId, rows));
      await setRead(tx, feedId, { lines, digest: digest.digest('hex') });
      return made;
    });
    return { job, isNew: true };
  } catch (error) {
    if (!isLockTimeout(error)) throw error;
    throw new AppError('IDEMPOTENCY_IN_FLIGHT', 'The first upload with this key has not ended yet.');
  }
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

/** Rows in PostgreSQL's text format of COPY, gathered into pieces. */
async function* copyRows(
  feedId: number,
  source: AsyncIterable<(FeedRow | FeedReject)[]>,
): AsyncGenerator<Buffer> {
  let text = '';
  for await (const read of source) {
    for (const row of read) {
      text += 'code' in row ? rejectLine(feedId, row) : rowLine(feedId, row);
      if (text.length >= PIECE_CHARACTERS) {
        yield Buffer.from(text);
        text = '';
      }
    }
  }
  if (text !== '') yield Buffer.from(text);
}

function rowLine(feedId: number, row: FeedRow): string {
  const { line, sku, location, quantity, reason, reference, asOf } = row;
  return (
    `${feedId}\t${line}\t${escaped(sku)}\t${escaped(location)}\t${quantity}\t${escaped(reason)}\t${escaped(reference)}` +
    `\t${escaped(asOf ?? null)}\t\\N\t\\N\t\\N\n`
  );
}

function rejectLine(feedId: number, row: FeedReject): string {
  const { line, sku, location, quantity, code, reason } = row;
  return (
    `${feedId}\t${line}\t${escaped(sku)}\t${escaped(location)}\t\\N\t\\N\t\\N\t\\N` +
    `\t${escaped(quantity)}\t${code}\t${escaped(reason)}\n`
  );
}

/** Control characters are not in it any more, so a backslash is all that COPY would take for something else. */
function escaped(text: string | null): string {
  if (text === null) return '\\N';
  return text.includes('\\') ? text.replaceAll('\\', '\\\\') : text;
}
