import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, chown, lstat, mkdir, realpath, rm, rmdir, stat, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { AppError } from '../errors';
import type { Logger } from '../telemetry/log';
import { errorCode } from './processes';

const run = promisify(execFile);

/** A user that a program is run as, when we are root and the program refuses to be. */
export interface SystemUser {
  uid: number;
  gid: number;
}

/** Holdfast's folder outside anybody's home, where another user can reach what root puts there. */
export function sharedFolder(): string {
  return process.platform === 'darwin' ? '/usr/local/var/holdfast' : '/var/lib/holdfast';
}

/** A folder in there, open for every user to pass through, whatever our umask. */
export async function provideSharedFolder(name = ''): Promise<string> {
  const folder = join(sharedFolder(), name);
  await mkdir(folder, { recursive: true });
  for (const made of new Set([sharedFolder(), folder])) await chmod(made, 0o755);
  return folder;
}

/**
 * Whom PostgreSQL must be run as: undefined for ourselves; as root the owner of an existing `folder`, else the
 * system's `postgres` or `nobody`. (initdb needs a user with a name, so a free number would not do.)
 */
export async function unprivilegedUser(folder: string): Promise<SystemUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(folder).catch(() => undefined);
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  for (const name of ['postgres', 'nobody']) {
    const user = await lookUp(name);
    if (user) return user;
  }
  throw new AppError(
    'EMBEDDED_POSTGRES_ROOT',
    'PostgreSQL does not run as root, and there is no user "postgres" or "nobody" to run it as. ' +
      'Start Holdfast as another user, or set DATABASE_URL.',
  );
}

async function lookUp(name: string): Promise<SystemUser | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
}

/** True when `user` itself can read (`r`) or write (`w`) `path`, asked by trying: modes of all parents and ACLs count. */
export function canUse(user: SystemUser, path: string, access: 'r' | 'w'): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const test = spawn('/bin/sh', ['-c', `test -${access} "$0"`, path], {
      ...user,
      cwd: '/',
      stdio: 'ignore',
    });
    test.once('error', reject);
    test.once('exit', (code) => resolve(code === 0));
  });
}

/**
 * Makes `folder` one that `user` can use and gives its real path. Where the user can't get there (a project under
 * /root, say) the folder becomes a symbolic link to a new one in `sharedFolder()`, so that removing it starts afresh.
 */
export async function provideFolder(
  folder: string,
  user: SystemUser | undefined,
  log: Logger,
): Promise<string> {
  if (!user) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return realpath(folder);
  }
  const found = await lstat(folder).catch(() => undefined);
  if (found?.isSymbolicLink() && !(await stat(folder).catch(() => undefined))) await rm(folder);
  await mkdir(folder, { recursive: true });
  const real = await realpath(folder);
  await chown(real, user.uid, user.gid);
  if (await canUse(user, real, 'w')) return real;

  const key = createHash('sha256').update(real).digest('hex').slice(0, 8);
  const elsewhere = join(
    await provideSharedFolder(),
    `${basename(real)}-${key}-${randomBytes(3).toString('hex')}`,
  );
  await removeEmpty(real);
  await mkdir(elsewhere, { mode: 0o700 });
  await chown(elsewhere, user.uid, user.gid);
  if (!(await canUse(user, elsewhere, 'w'))) throw unreachable(elsewhere, user);
  await symlink(elsewhere, real);
  log.info(
    { folder: real, to: elsewhere },
    `user ${user.uid} can't reach ${real}: its data is kept in ${elsewhere}`,
  );
  return elsewhere;
}

async function removeEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch((error: unknown) => {
    if (errorCode(error) === 'ENOTEMPTY') {
      throw new AppError(
        'EMBEDDED_POSTGRES_ROOT',
        `${folder} has data that an unprivileged user can't reach: move it.`,
      );
    }
    throw error;
  });
}

function unreachable(folder: string, user: SystemUser): AppError {
  return new AppError(
    'EMBEDDED_POSTGRES_ROOT',
    `User ${user.uid} can't reach ${folder}, where PostgreSQL's data would go.`,
  );
}
