import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { lock } from 'proper-lockfile';
import { AppError } from '../errors';
import { errorCode, isSameProcess, ownIdentity, type ProcessIdentity } from './processes';

/**
 * Makes this process the one that may run the server whose state lies beside `file`.
 *
 * @throws AppError `EMBEDDED_IN_USE` while a living process owns it.
 */
export async function claimOwnership(file: string, what: string): Promise<{ release(): Promise<void> }> {
  await mkdir(dirname(file), { recursive: true });
  // Held for milliseconds, against two starters that both find a dead owner.
  const unlock = await lock(dirname(file), {
    lockfilePath: `${file}.lock`,
    stale: 5_000,
    retries: { retries: 100, factor: 1, minTimeout: 100 },
  });
  try {
    const owner = await readNote(file);
    if (owner && (await isSameProcess(owner))) {
      throw new AppError(
        'EMBEDDED_IN_USE',
        `${what} is already run by process ${owner.pid}: stop that one first.`,
      );
    }
    await writeNote(file, await ownIdentity());
    return { release: () => rm(file, { force: true }) };
  } finally {
    await unlock();
  }
}

async function readNote(file: string): Promise<ProcessIdentity | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isIdentity(parsed) ? parsed : undefined;
  } catch (error) {
    // A note torn by a power cut: then its writer is dead.
    if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isIdentity(value: unknown): value is ProcessIdentity {
  return (
    typeof value === 'object' &&
    value !== null &&
    'pid' in value &&
    typeof value.pid === 'number' &&
    'startedAt' in value &&
    typeof value.startedAt === 'string'
  );
}

async function writeNote(file: string, owner: ProcessIdentity): Promise<void> {
  await writeFile(`${file}.new`, `${JSON.stringify(owner)}\n`);
  await rename(`${file}.new`, file);
}
