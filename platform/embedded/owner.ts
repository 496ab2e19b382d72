import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { lock } from 'proper-lockfile';
import { AppError } from '../errors';
import { describeProcess, errorCode, isSameProcess, ownIdentity, type ProcessIdentity } from './processes';

/** Who started a server, and the server itself as soon as it has been launched. */
export interface OwnerNote extends ProcessIdentity {
  server?: ProcessIdentity;
}

export interface Ownership {
  /** Records which process the server is, so that a later start can end it. */
  record(serverPid: number): Promise<void>;
  release(): Promise<void>;
}

/**
 * Makes this process the one that may run the server whose state lies beside `file`.
 *
 * @throws AppError `EMBEDDED_IN_USE` while a living process owns it.
 */
export async function claimOwnership(file: string, what: string): Promise<Ownership> {
  await mkdir(dirname(file), { recursive: true });
  // Held for milliseconds, against two starters that both find a dead owner.
  const unlock = await lock(dirname(file), {
    lockfilePath: `${file}.lock`,
    stale: 5_000,
    retries: { retries: 100, factor: 1, minTimeout: 100 },
  });
  try {
    const owner = await readOwner(file);
    if (owner && (await isSameProcess(owner))) {
      throw new AppError(
        'EMBEDDED_IN_USE',
        `${what} is already run by process ${owner.pid}: stop that one first.`,
      );
    }
    const self = await ownIdentity();
    await writeNote(file, self);
    return {
      async record(serverPid) {
        const server = await describeProcess(serverPid);
        if (server) await writeNote(file, { ...self, server });
      },
      release: () => rm(file, { force: true }),
    };
  } finally {
    await unlock();
  }
}

/** The note in `file`, or undefined when there is none. */
export async function readOwner(file: string): Promise<OwnerNote | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isNote(parsed) ? parsed : undefined;
  } catch (error) {
    // A note that was written in part, as by a power failure: its writer is dead.
    if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isNote(value: unknown): value is OwnerNote {
  return isIdentity(value) && (!('server' in value) || isIdentity(value.server));
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

async function writeNote(file: string, owner: OwnerNote): Promise<void> {
  await writeFile(`${file}.new`, `${JSON.stringify(owner)}\n`);
  await rename(`${file}.new`, file);
}
