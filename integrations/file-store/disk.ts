import { mkdir, open, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { FileStore } from '../../domain/files/types';
import { atStore } from './unavailable';

const PART = '.part';

/**
 * Files below a folder, for their owner only. One is written beside its place, forced to the disk and then renamed, so that a reader,
 * and whoever starts after a power cut, finds it whole or not at all.
 */
export function createDiskStore(folder: string): FileStore {
  const url = pathToFileURL(folder).href;
  const at = <T>(work: () => Promise<T>) => atStore(url, work);
  const pathOf = (key: string) => join(folder, key);
  return {
    url,
    async write(key, pieces) {
      const path = pathOf(key);
      const file = await at(async () => {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        return open(`${path}${PART}`, 'w', 0o600);
      });
      try {
        try {
          for await (const piece of pieces) await at(() => file.writeFile(piece));
          await at(() => file.sync());
        } finally {
          await at(() => file.close());
        }
        await at(async () => {
          await rename(`${path}${PART}`, path);
          await syncFolder(dirname(path));
        });
      } catch (error) {
        await rm(`${path}${PART}`, { force: true }).catch(() => undefined);
        throw error;
      }
    },
    open: (key) =>
      at(async () => {
        const file = await open(pathOf(key), 'r');
        // Closes the file at its end, or when the reader leaves.
        return file.createReadStream() as AsyncIterable<Buffer>;
      }),
    remove: (key) =>
      at(async () => {
        const path = pathOf(key);
        await rm(path, { force: true });
        await rm(`${path}${PART}`, { force: true });
        // Another file of the job may be there.
        await rmdir(dirname(path)).catch(() => undefined);
      }),
    close: () => Promise.resolve(),
  };
}

/** A name is on the disk when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folder, and writes names by itself.
  if (process.platform === 'win32') return;
  const opened = await open(folder, 'r');
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}
