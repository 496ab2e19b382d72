import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stackOf } from '../../platform/errors';

/** How to stop what was started, in the order in which it was. */
export type Stops = (() => Promise<unknown>)[];

/** Runs `work` in a folder of its own. At the end, or at a signal, what it has started is stopped, the last first, and the folder removed. */
export async function withStops(
  prefix: string,
  work: (folder: string, stops: Stops) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  // PostgreSQL may run as another user, who must be able to pass.
  await chmod(folder, 0o711);
  const stops: Stops = [() => rm(folder, { recursive: true, force: true })];
  const stopAll = async () => {
    for (let stop = stops.pop(); stop; stop = stops.pop())
      await stop().catch((error: unknown) => process.stdout.write(`${stackOf(error)}\n`));
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stopAll().finally(() => process.exit(1)));
  try {
    await work(folder, stops);
  } finally {
    await stopAll();
  }
}
