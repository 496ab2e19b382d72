import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { choosePort } from '../../platform/embedded/ports';
import { unprivilegedUser } from '../../platform/embedded/system-user';
import type { Logger } from '../../platform/telemetry/log';
import { waitFor } from '../support/wait';

export interface PgBouncer {
  /** host:port */
  address: string;
  /** Rows of a command of its console, such as SHOW STATS. */
  show(command: string): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

/** The database by which it is administered. */
export const CONSOLE = 'pgbouncer';
const START_MS = 10_000;

/**
 * A PgBouncer in transaction mode in front of a server, for every database of it and one role. It has so few connections to the server
 * that clients share them all the time.
 *
 * @param options.runtimeUrl of any database, as the role that is let in
 */
export async function startPgBouncer(options: {
  program: string;
  runtimeUrl: string;
  folder: string;
  /** Any unless given. */
  port?: number;
  log: Logger;
}): Promise<PgBouncer> {
  const { program, folder, log } = options;
  const server = new URL(options.runtimeUrl);
  const [name, password] = [decodeURIComponent(server.username), decodeURIComponent(server.password)];
  const port = await choosePort(options.port, 'PgBouncer', log);
  const home = await mkdtemp(join(folder, 'pgbouncer-'));
  const users = join(home, 'users.txt');
  await writeFile(users, `"${name}" "${password.replaceAll('"', '""')}"\n`, { mode: 0o600 });
  const config = join(home, 'pgbouncer.ini');
  await writeFile(
    config,
    [
      '[databases]',
      `* = host=${server.hostname} port=${server.port}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'unix_socket_dir =',
      'auth_type = scram-sha-256',
      `auth_file = ${users}`,
      `admin_users = ${name}`,
      'pool_mode = transaction',
      'max_prepared_statements = 100',
      'default_pool_size = 3',
      'max_client_conn = 2000',
      'server_fast_close = 1',
      '',
    ].join('\n'),
  );
  // It does not run as root.
  const user = await unprivilegedUser(home);
  if (user) for (const path of [home, users, config]) await chown(path, user.uid, user.gid);
  await chmod(home, 0o711);
  const child = spawn(program, [config], { ...user, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const exited = once(child, 'exit');
  const url = new URL(server.href);
  url.host = `127.0.0.1:${port}`;
  url.pathname = `/${CONSOLE}`;

  async function show(command: string): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: url.href });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(command)).rows;
    } finally {
      await client.end();
    }
  }

  await waitFor(async () => {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended: ${said}`);
    return show('SHOW VERSION').then(
      () => true,
      () => false,
    );
  }, START_MS);
  return {
    address: `127.0.0.1:${port}`,
    show,
    async stop() {
      child.kill('SIGQUIT');
      await exited;
    },
  };
}
