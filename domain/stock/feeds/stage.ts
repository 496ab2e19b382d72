import type { Database } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { effectiveTime } from '../ledger/effective-time';
import type { JobView } from '../../jobs/types';
import { escaped, stageUpload, type CopyLine } from '../../uploads/stage';
import { COPY_BARE_ROWS, COPY_ROWS, countLocations } from './queries';
import { readFeed } from './read-feed';
import { forgetStaged } from './resolve';
import type { FeedOptions, FeedReject, FeedRow } from './types';

export interface NewFeed extends FeedOptions {
  jobId: string;
  actor: string;
  /** As of when the rows of a `set` feed are true that do not say so, RFC 3339; by default when the upload began. */
  asOf?: string | undefined;
  /** The feed itself, unpacked. */
  source: AsyncIterable<Buffer>;
}

/**
 * Stages the rows of a feed, as `stageUpload` says.
 *
 * @throws what `stageUpload`, `readFeed` and `effectiveTime` throw; AppError `UNKNOWN_LOCATION` for the default
 */
export async function stageFeed(db: Database, feed: NewFeed): Promise<{ job: JobView; isNew: boolean }> {
  const { jobId, actor, source, ...options } = feed;
  if (feed.location !== null) await requireLocation(db, feed.location);
  const ignored = new Set<string>();
  return stageUpload<FeedRow | FeedReject>(db, {
    jobId,
    type: 'feed',
    actor,
    mode: feed.mode,
    timeOf: async () => (feed.asOf === undefined ? undefined : effectiveTime(db, feed.asOf)),
    source,
    read: (bytes) => readFeed(bytes, options, ignored),
    lineOf,
    input: (asOf) => ({ ...options, asOf, ...(ignored.size > 0 ? { ignored: [...ignored] } : {}) }),
    forget: forgetStaged,
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

/** Most rows say what stock is where and nothing else: they are copied apart, without the other columns, which are half of the bytes. */
function lineOf(feedId: number, row: FeedRow | FeedReject): CopyLine {
  if ('code' in row) return { copy: COPY_ROWS, line: rejectLine(feedId, row) };
  if (!isBare(row)) return { copy: COPY_ROWS, line: rowLine(feedId, row) };
  const { line, sku, location, quantity } = row;
  return {
    copy: COPY_BARE_ROWS,
    line: `${feedId}\t${line}\t${escaped(sku)}\t${escaped(location)}\t${quantity}\n`,
  };
}

function isBare(row: FeedRow): boolean {
  return row.reason === null && row.reference === null && row.asOf === undefined && row.lot === undefined;
}

function rowLine(feedId: number, row: FeedRow): string {
  const { line, sku, location, lot, expiresOn, quantity, reason, reference, asOf } = row;
  return (
    `${feedId}\t${line}\t${escaped(sku)}\t${escaped(location)}\t${quantity}\t${escaped(reason)}\t${escaped(reference)}` +
    `\t${escaped(asOf ?? null)}\t\\N\t\\N\t\\N\t${escaped(lot ?? null)}\t\\N\t${escaped(expiresOn ?? null)}\n`
  );
}

function rejectLine(feedId: number, row: FeedReject): string {
  const { line, sku, location, lot, expiresOn, quantity, asOf, reference, rowReason, code, reason } = row;
  return (
    `${feedId}\t${line}\t${escaped(sku)}\t${escaped(location)}\t\\N\t${escaped(rowReason)}\t${escaped(reference)}\t\\N` +
    `\t${escaped(quantity)}\t${code}\t${escaped(reason)}\t${escaped(lot)}\t${escaped(asOf)}\t${escaped(expiresOn)}\n`
  );
}
