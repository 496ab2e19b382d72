import type { Database } from '../../platform/database';
import { createJob, readJob } from '../jobs/jobs';
import type { JobView } from '../jobs/types';
import { COPY_ROWS, insertFeed, setLines } from './queries';
import { readFeed } from './read-feed';
import type { FeedOptions, FeedReject, FeedRow } from './types';

export interface NewFeed extends FeedOptions {
  jobId: string;
  actor: string;
  source: AsyncIterable<Buffer>;
}

/** COPY takes large pieces best; two of these are in memory at most. */
const PIECE_BYTES = 262_144;

/**
 * Reads a feed and stages its rows together with the job that will import them, in one transaction: an upload that breaks
 * off leaves nothing. Memory is that of a few chunks, however long the feed. A job that is there already is answered as it is,
 * and the feed is not read.
 *
 * @throws what `readFeed` throws
 */
export async function stageFeed(db: Database, feed: NewFeed): Promise<JobView> {
  const { jobId, actor, source, ...options } = feed;
  const known = await readJob(db, jobId);
  if (known) return known;
  return db.bulk(async (tx) => {
    const job = await createJob(tx, { id: jobId, type: 'feed', input: options, actor });
    const feedId = await insertFeed(tx, jobId, options.mode);
    const lines = await tx.copyIn(COPY_ROWS, copyRows(feedId, readFeed(source, options)));
    await setLines(tx, feedId, lines);
    return job;
  });
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
      if (text.length >= PIECE_BYTES) {
        yield Buffer.from(text);
        text = '';
      }
    }
  }
  if (text !== '') yield Buffer.from(text);
}

function rowLine(feedId: number, row: FeedRow): string {
  return `${feedId}\t${row.line}\t${escaped(row.sku)}\t${escaped(row.location)}\t${row.quantity}\t${escaped(row.reason)}\t${escaped(row.reference)}\t\\N\t\\N\t\\N\n`;
}

function rejectLine(feedId: number, row: FeedReject): string {
  return `${feedId}\t${row.line}\t${escaped(row.sku)}\t${escaped(row.location)}\t\\N\t\\N\t\\N\t${escaped(row.quantity)}\t${row.code}\t${escaped(row.reason)}\n`;
}

/** Control characters are not in it any more, so a backslash is all that COPY would take for something else. */
function escaped(text: string | null): string {
  if (text === null) return '\\N';
  return text.includes('\\') ? text.replaceAll('\\', '\\\\') : text;
}
