import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, chown, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../errors';
import type { Logger } from '../telemetry/log';
import { logSince, logSize, rotateLog, tailOf } from './log-files';
import type { PostgresBinaries } from './postgres-binaries';
import { describeProcess, errorCode } from './processes';
import type { SystemUser } from './system-user';

export const SUPERUSER = 'holdfast';
/** As which the API and the worker run. */
export const RUNTIME_ROLE = 'holdfast_runtime';

/** One folder of ours: `data` is PostgreSQL's, beside it the password, the log and the owner's note. */
export interface Cluster {
  folder: string;
  data: string;
  logFile: string;
  binaries: PostgresBinaries;
  user: SystemUser | undefined;
  password: string;
  runtimePassword: string;
}

/** Before its passwords are read. */
type Unopened = Omit<Cluster, 'password' | 'runtimePassword'>;

/** A setting of postgresql.conf. */
export type PostgresSettings = Record<string, string | number | boolean>;

/** Opens the cluster in `folder`, and first makes it when there is none: UTF-8, a fixed locale, passwords by SCRAM. */
export async function openCluster(
  folder: string,
  binaries: PostgresBinaries,
  user: SystemUser | undefined,
  log: Logger,
): Promise<Cluster> {
  const cluster = {
    folder,
    data: join(folder, 'data'),
    logFile: join(folder, 'postgres.log'),
    binaries,
    user,
  };
  const passwordFile = join(folder, 'password');
  await rotateLog(cluster.logFile);
  if (!existsSync(cluster.data)) await createCluster(cluster, passwordFile, log);
  const found = (await readFile(join(cluster.data, 'PG_VERSION'), 'utf8').catch(() => 'unknown')).trim();
  if (found !== binaries.major) {
    throw new AppError(
      'EMBEDDED_POSTGRES_VERSION',
      `${cluster.data} was made by PostgreSQL ${found}, this is ${binaries.major}: dump it with that version and restore it, ` +
        'or remove the folder to start empty.',
    );
  }
  return {
    ...cluster,
    password: (await readFile(passwordFile, 'utf8')).trim(),
    runtimePassword: await provideRuntimePassword(join(folder, 'runtime-password')),
  };
}

/** A cluster of an earlier version has none. */
async function provideRuntimePassword(file: string): Promise<string> {
  const kept = await readFile(file, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  });
  if (kept.trim() !== '') return kept.trim();
  const password = randomBytes(18).toString('base64url');
  await writeFile(file, `${password}\n`, { mode: 0o600 });
  return password;
}

async function createCluster(cluster: Unopened, passwordFile: string, log: Logger): Promise<void> {
  log.info({ folder: cluster.folder }, `creating a PostgreSQL ${cluster.binaries.major} database cluster`);
  await writeFile(passwordFile, `${randomBytes(18).toString('base64url')}\n`, { mode: 0o600 });
  if (cluster.user) await chown(passwordFile, cluster.user.uid, cluster.user.gid);
  // Made aside and renamed, so that an initdb killed half-way leaves nothing that looks finished.
  const draft = `${cluster.data}.new`;
  await rm(draft, { recursive: true, force: true });
  await runProgram(cluster, cluster.binaries.initdb, [
    `--pgdata=${draft}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordFile}`,
    // Other users of this machine reach 127.0.0.1 as well, and a superuser may run programs: so no trust.
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
  ]);
  await appendFile(join(draft, 'postgresql.conf'), "\ninclude 'holdfast.conf'\n");
  await rename(draft, cluster.data);
}

/** Writes what this start decides: where to listen, and the caller's settings over our own. */
export async function configureCluster(
  cluster: Cluster,
  port: number,
  settings: PostgresSettings,
): Promise<void> {
  const all: PostgresSettings = {
    listen_addresses: '127.0.0.1',
    port,
    // No socket file: its path may be at most 107 bytes long, and two clusters must not meet in /tmp.
    unix_socket_directories: '',
    fsync: true,
    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    max_connections: 200,
    // A fresh database grows fast, and plans made for empty tables last until the first analyze.
    autovacuum_naptime: '10s',
    ...settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${quoted(value)}`);
  await writeFile(join(cluster.data, 'holdfast.conf'), `${lines.join('\n')}\n`);
}

function quoted(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return `'${String(value).replaceAll("'", "''")}'`;
}

/** The server that runs on this data, by its own note; a note left by a server that is gone is removed. */
export async function findRunningServer(cluster: Cluster, log: Logger): Promise<number | undefined> {
  const file = join(cluster.data, 'postmaster.pid');
  const note = await readFile(file, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (note === undefined) return undefined;
  const pid = Number(note.split('\n')[0]);
  const found = Number.isInteger(pid) && pid > 0 ? await describeProcess(pid) : undefined;
  // After a reboot or in a new container the number may be anybody's; PostgreSQL would refuse to start for ever.
  if (found && /postgres|postmaster/.test(found.command) && found.command.includes(cluster.data)) return pid;
  log.warn({ serverPid: pid, file }, 'removing the note of a PostgreSQL server that is gone');
  await rm(file, { force: true });
  return undefined;
}

/** The server's process id once pg_ctl has answered that it serves. */
export async function readServerPid(cluster: Cluster): Promise<number> {
  return Number((await readFile(join(cluster.data, 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

/**
 * Runs a program of PostgreSQL as the cluster's user; what it says goes to the cluster's log.
 *
 * @throws AppError `EMBEDDED_POSTGRES_FAILED` with what was logged meanwhile.
 */
export async function runProgram(cluster: Unopened, program: string, args: readonly string[]): Promise<void> {
  const logged = await logSize(cluster.logFile);
  const output = await open(cluster.logFile, 'a');
  try {
    if (cluster.user) await output.chown(cluster.user.uid, cluster.user.gid);
    const code = await new Promise<number | string>((resolve, reject) => {
      const child = spawn(program, args, {
        ...cluster.user,
        cwd: cluster.folder,
        env: cleanEnvironment(),
        stdio: ['ignore', output.fd, output.fd],
        windowsHide: true,
      });
      child.once('error', reject);
      child.once('exit', (exit, signal) => resolve(exit ?? signal ?? 'unknown'));
    });
    if (code !== 0) throw await failure(cluster, program, code, logged);
  } finally {
    await output.close();
  }
}

/** PGPORT, PGDATA, LANG and the like of the shell must not change what we run. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name));
  return { ...Object.fromEntries(inherited), LC_ALL: 'C' };
}

async function failure(
  cluster: Unopened,
  program: string,
  code: number | string,
  from: number,
): Promise<AppError> {
  const tail = tailOf(await logSince(cluster.logFile, from));
  return new AppError(
    'EMBEDDED_POSTGRES_FAILED',
    `${program} ended with ${code}. The end of ${cluster.logFile}:\n${tail}`,
    { tail },
  );
}
