import { createHash } from 'node:crypto';
import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { deleteFile, dropWriting, insertFile, selectStored, selectToRemove, setStored } from './queries';
import type { FileStore, WrittenFile } from './types';

export { dropStored as dropFileOf, dropWriting as dropUnlessKept } from './queries';

/**
 * Writes a file of a job. The database knows of it before its first byte is written, so that one whose writer dies is removed; it is
 * nobody's until `keepFile`.
 *
 * @throws AppError `FILE_STORE_UNAVAILABLE`; whatever `pieces` throws
 */
export async function writeFile(
  db: Database,
  store: FileStore,
  { jobId, extension, pieces }: { jobId: string; extension: string; pieces: AsyncIterable<Buffer> },
): Promise<WrittenFile> {
  const id = newId();
  const key = `${jobId}/${id}.${extension}`;
  await insertFile(db, { id, jobId, store: store.url, key });
  try {
    await store.write(key, pieces);
  } catch (error) {
    await dropWriting(db, id).catch(() => undefined);
    throw error;
  }
  return { id, location: `${store.url}/${key}` };
}

/** Makes a file that was written the one of its job, with the transaction. */
export async function keepFile(tx: Transaction, { id }: WrittenFile, sha256: string): Promise<void> {
  // Whoever writes for a day is taken for dead, and what it wrote is removed.
  if ((await setStored(tx, id, sha256)) === 0) throw new Error(`the file ${id} was given up meanwhile`);
}

/**
 * The file of a job, as it was written; null: this store has none.
 *
 * @throws AppError `FILE_STORE_UNAVAILABLE`. While it is read: Error, before the last piece, where its bytes are not those that were
 *   written
 */
export async function openFile(
  on: Queryable,
  store: FileStore,
  jobId: string,
): Promise<AsyncIterable<Buffer> | null> {
  const file = await selectStored(on, jobId, store.url);
  return file ? verified(await store.open(file.key), { name: file.key, sha256: file.sha256 }) : null;
}

/**
 * The same pieces. Holds the last one back until all bytes are known: who reads to the end has the file as it was written.
 *
 * @param file.sha256 of its bytes, hexadecimal
 * @throws while it is read: Error, before the last piece, where its bytes are others
 */
export async function* verified(
  pieces: AsyncIterable<Buffer>,
  { name, sha256 }: { name: string; sha256: string },
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let held: Buffer | null = null;
  for await (const piece of pieces) {
    if (held) yield held;
    hash.update(piece);
    held = piece;
  }
  if (hash.digest('hex') !== sha256) throw new Error(`the file ${name} is not as it was written`);
  if (held) yield held;
}

/** An activity that writes a file has an hour. */
const WRITER_HOURS = 24;
const MOST = 1_000;

/** Removes files that nobody wants from their store, then from the database: a store that is away keeps them for the next run. */
export async function removeUnwantedFiles(db: Database, store: FileStore, told: () => void): Promise<number> {
  const files = await selectToRemove(db, { store: store.url, writerHours: WRITER_HOURS, limit: MOST });
  for (const { id, key } of files) {
    await store.remove(key);
    await deleteFile(db, id);
    told();
  }
  return files.length;
}
