import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import knex, { type Knex } from 'knex';
import { Client, escapeIdentifier, type ClientBase } from 'pg';
import { AppError, sqlState } from '../errors';
import type { Logger } from '../telemetry/log';

export interface MigrateOptions {
  /** Where the numbered `.sql` files are, unless in the project's own `migrations/`. */
  directory?: string;
  /** Makes the database when the server has none of that name. Off unless told, so that a mistyped URL is an error. */
  createDatabase?: boolean;
}

export interface MigrationStatus {
  /** File names in the order in which they were applied. */
  applied: string[];
  /** File names that `migrate` would apply now, in order. */
  pending: string[];
}

const TABLE = 'knex_migrations';
/** Two numbers nobody else uses for an advisory lock in a database of ours. */
const LOCK = [1_751_606_374, 1] as const;
const FILE_NAME = /^(\d{4,})_[a-z0-9_-]+\.sql$/;
const DUPLICATE_DATABASE = '42P04';
const UNIQUE_VIOLATION = '23505';

/**
 * Applies all pending migrations in one transaction: all or none. Any number of processes may do so at once; one works
 * and the others find nothing left to do.
 *
 * @returns the file names that this call applied
 * @throws AppError `MIGRATION_FAILED` with file and line; `MIGRATIONS_INVALID` when files are misnamed, or missing
 *   although applied (the database is newer than this program).
 */
export async function migrate(
  databaseUrl: string,
  log: Logger,
  options: MigrateOptions = {},
): Promise<string[]> {
  const source = sqlFiles(options.directory ?? migrationsDirectory());
  const files = await source.getMigrations([]);
  if (options.createDatabase) await createDatabase(databaseUrl, log);
  return underLock(databaseUrl, log, async (client) => {
    const { applied, pending } = await readStatus(client, files);
    const unknown = applied.filter((name) => !files.includes(name));
    if (unknown.length > 0) {
      throw new AppError(
        'MIGRATIONS_INVALID',
        `The database has migrations that this version does not know (${unknown.join(', ')}): run a newer version.`,
      );
    }
    if (pending.length === 0) return [];
    await runPending(databaseUrl, source, log);
    log.info({ applied: pending }, `applied ${pending.length} migrations`);
    return pending;
  });
}

/** What of `migrations/` is in this database. Changes nothing, and works on an empty database. */
export async function migrationStatus(
  databaseUrl: string,
  options: Pick<MigrateOptions, 'directory'> = {},
): Promise<MigrationStatus> {
  const files = await sqlFiles(options.directory ?? migrationsDirectory()).getMigrations([]);
  return withClient(databaseUrl, (client) => readStatus(client, files));
}

/** `migrations/` lies in the package's root: two folders up from the sources, three up from `dist/platform/database`. */
function migrationsDirectory(): string {
  const candidates = [
    join(__dirname, '..', '..', 'migrations'),
    join(__dirname, '..', '..', '..', 'migrations'),
  ];
  const found = candidates.find((folder) => existsSync(folder));
  if (found === undefined)
    throw new AppError('MIGRATIONS_INVALID', `No migrations in ${candidates.join(' or ')}.`);
  return found;
}

function sqlFiles(directory: string): Knex.MigrationSource<string> {
  return {
    async getMigrations() {
      const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
      const numbers = names.map((name) => FILE_NAME.exec(name)?.[1]);
      const bad = names.filter(
        (_, index) => numbers.indexOf(numbers[index]) !== index || numbers[index] === undefined,
      );
      if (bad.length > 0) {
        const rule = 'names are a number of four digits, used once, and words: 0001_catalog.sql';
        throw new AppError('MIGRATIONS_INVALID', `${directory}: ${bad.join(', ')}: ${rule}`);
      }
      return names;
    },
    getMigrationName: (name) => name,
    async getMigration(name) {
      const sql = await readFile(join(directory, name), 'utf8');
      return {
        up: (trx) => runFile(trx, name, sql),
        down: () =>
          Promise.reject<undefined>(new AppError('MIGRATIONS_INVALID', 'Migrations only go forward.')),
      };
    },
  };
}

/** As one simple query on the transaction's connection: `knex.raw` would take every `?` in the SQL for a parameter. */
async function runFile(trx: Knex, name: string, sql: string): Promise<void> {
  // Knex has no type for its dialect; a transaction of the pg dialect hands out the client it runs on.
  const connection = await (trx.client as { acquireConnection(): Promise<ClientBase> }).acquireConnection();
  try {
    await connection.query(sql);
  } catch (cause) {
    const position = cause instanceof Error && 'position' in cause ? Number(cause.position) : 0;
    const line = position > 0 ? `:${sql.slice(0, position).split('\n').length}` : '';
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('MIGRATION_FAILED', `${name}${line}: ${why}`, { file: name }, { cause });
  }
}

async function runPending(
  databaseUrl: string,
  source: Knex.MigrationSource<string>,
  log: Logger,
): Promise<void> {
  const quiet = (message: unknown) => log.debug({ knex: message }, 'knex');
  const runner = knex({
    client: 'pg',
    connection: { connectionString: databaseUrl, application_name: 'holdfast-migrate' },
    pool: { min: 0, max: 1 },
    log: { debug: quiet, warn: quiet, error: quiet, deprecate: quiet },
  });
  try {
    const config: Knex.MigratorConfig = { migrationSource: source, tableName: TABLE };
    if (await isKnexLocked(runner)) {
      // We hold the advisory lock, so the process that set Knex's own mark is dead.
      log.warn('a process died while it migrated; its mark is removed');
      await runner.migrate.forceFreeMigrationsLock(config);
    }
    await runner.migrate.latest(config);
  } finally {
    await runner.destroy();
  }
}

async function isKnexLocked(runner: Knex): Promise<boolean> {
  if (!(await runner.schema.hasTable(`${TABLE}_lock`))) return false;
  const locked: unknown = await runner(`${TABLE}_lock`).where({ is_locked: 1 }).first();
  return locked !== undefined;
}

async function readStatus(client: Client, files: readonly string[]): Promise<MigrationStatus> {
  const table = await client.query<{ oid: string | null }>('select to_regclass($1) as oid', [TABLE]);
  const rows =
    (table.rows[0]?.oid ?? null) === null
      ? []
      : (await client.query<{ name: string }>(`select name from ${TABLE} order by id`)).rows;
  const applied = rows.map(({ name }) => name);
  return { applied, pending: files.filter((name) => !applied.includes(name)) };
}

async function underLock<T>(
  databaseUrl: string,
  log: Logger,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  return withClient(databaseUrl, async (client) => {
    const tried = await client.query<{ free: boolean }>('select pg_try_advisory_lock($1, $2) as free', [
      ...LOCK,
    ]);
    if (tried.rows[0]?.free !== true) {
      log.info('waiting for another process that migrates this database');
      await client.query('select pg_advisory_lock($1, $2)', [...LOCK]);
    }
    // The lock belongs to the session and ends with it.
    return work(client);
  });
}

async function createDatabase(databaseUrl: string, log: Logger): Promise<void> {
  const url = new URL(databaseUrl);
  const name = decodeURIComponent(url.pathname.slice(1));
  url.pathname = '/postgres';
  await withClient(url.href, async (client) => {
    const found = await client.query('select from pg_database where datname = $1', [name]);
    if (found.rowCount) return;
    try {
      await client.query(`create database ${escapeIdentifier(name)} template template0 encoding 'UTF8'`);
      log.info(`created database ${name}`);
    } catch (error) {
      // Another starter was faster.
      if (![DUPLICATE_DATABASE, UNIQUE_VIOLATION].includes(sqlState(error) ?? '')) throw error;
    }
  });
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, application_name: 'holdfast-migrate' });
  // A lost connection also fails the query that is running, which is where it is reported.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
