import { createHash } from 'node:crypto';
import type { Database, Queryable } from '../../platform/database/database';
import { pagesOf } from '../../platform/database/pages';
import { minorDigits } from '../catalog/currencies';
import { openFile, verified, writeFile } from '../files/stored-files';
import type { FileSource, FileStore, WrittenFile } from '../files/types';
import { readJob } from '../jobs/jobs';
import { HEADER, lineOf } from './lines';
import { selectCurrency, selectLines } from './queries';
import type { SettlementLine } from './types';

const PAGE = 5_000;

/** The file of a run as CSV (RFC 4180), by the bytes of merchants' ids, then by day, read page by page as it is taken. */
async function* settlementCsv(on: Queryable, jobId: string): AsyncGenerator<string> {
  const currency = await selectCurrency(on, jobId);
  const digits = currency === null ? 0 : minorDigits(currency);
  yield HEADER;
  const read = (after?: SettlementLine) => selectLines(on, jobId, { after, limit: PAGE });
  for await (const lines of pagesOf(PAGE, read)) yield lines.map((line) => lineOf(line, digits)).join('');
}

/** What the file of a run is, and where it was written; null: there is no store, it is made anew each time it is read. */
export interface SettlementFile {
  content: { lines: number; bytes: number; sha256: string };
  stored: WrittenFile | null;
}

/** Reads the file of a run to its end and, where there is a store, writes it there. @throws AppError `FILE_STORE_UNAVAILABLE` */
export async function writeSettlementFile(
  db: Database,
  store: FileStore | null,
  jobId: string,
): Promise<SettlementFile> {
  const hash = createHash('sha256');
  let [lines, bytes] = [-1, 0];
  async function* pieces(): AsyncGenerator<Buffer> {
    for await (const text of settlementCsv(db, jobId)) {
      const piece = Buffer.from(text);
      hash.update(piece);
      bytes += piece.length;
      lines += text.split('\n').length - 1;
      yield piece;
    }
  }
  const stored = store
    ? await writeFile(db, store, { jobId, extension: 'csv', pieces: pieces() })
    : await readThrough(pieces());
  return { content: { lines, bytes, sha256: hash.digest('hex') }, stored };
}

async function readThrough(pieces: AsyncGenerator<Buffer>): Promise<null> {
  while (!(await pieces.next()).done);
  return null;
}

/**
 * The file of a completed run, from the store. Its lines are in the database as well: of a store that is away, or was another one, it is
 * made from these, with the same bytes.
 *
 * @throws while it is read: Error, before its end, where its bytes are not those that the job tells of, such as when it is removed meanwhile
 */
export async function* settlementFile({ on, store, log }: FileSource, jobId: string): AsyncGenerator<Buffer> {
  const stored =
    store &&
    (await openFile(on, store, jobId).catch((error: unknown) => {
      log.warn({ err: error, jobId }, 'a stored file could not be opened: it is made from the database');
      return null;
    }));
  if (stored) {
    yield* stored;
    return;
  }
  const job = await readJob(on, jobId);
  yield* verified(bytesOf(settlementCsv(on, jobId)), {
    name: jobId,
    sha256: String(job?.result?.['sha256']),
  });
}

async function* bytesOf(texts: AsyncIterable<string>): AsyncGenerator<Buffer> {
  for await (const text of texts) yield Buffer.from(text);
}
