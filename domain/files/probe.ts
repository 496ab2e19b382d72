import { messageOf } from '../../platform/errors';
import { newId } from '../../platform/ids';
import type { FileStore } from './types';

/** What a store could not do, and why; null: it can write, read and remove. */
export type ProbeFailure = { step: 'write' | 'read' | 'remove'; reason: string } | null;

/** Writes a small file of its own to a store, reads it and removes it. Where a step fails nothing is left that can be removed. */
export async function probeStore(store: FileStore): Promise<ProbeFailure> {
  const key = `probe/${newId()}.csv`;
  const written = Buffer.from(key);
  const failed = async (
    step: 'write' | 'read' | 'remove',
    work: () => Promise<void>,
  ): Promise<ProbeFailure> => {
    try {
      await work();
      return null;
    } catch (error) {
      return { step, reason: messageOf(error) };
    }
  };
  const notWritten = await failed('write', () => store.write(key, piecesOf(written)));
  if (notWritten) return notWritten;
  const notRead = await failed('read', async () => {
    const pieces: Buffer[] = [];
    for await (const piece of await store.open(key)) pieces.push(piece);
    if (!Buffer.concat(pieces).equals(written)) throw new Error('what was read is not what was written');
  });
  const notRemoved = await failed('remove', () => store.remove(key));
  return notRead ?? notRemoved;
}

/** The bytes of a file that is in memory, as a store takes them. */
export async function* piecesOf(bytes: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(bytes);
}
