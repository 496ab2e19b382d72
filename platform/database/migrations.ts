import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import knex, { type Knex } from 'knex';
import { DatabaseError, type ClientBase } from 'pg';
import { ensureDatabase } from './create-database';
import { AppError } from '../errors';
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
  /** Those of `applied` that this program has no file for. */
  unknown: string[];
}

/** Oldest major version of PostgreSQL that the schema works on. */
export const OLDEST_POSTGRES = 18;

const TABLE = 'knex_migrations';

/**
 * Applies all pending migrations in the order of their names, each in a transaction of its own, or without one when its first
 * line is `-- no transaction`. Any number of processes may do so at once: one works, the others wait and find nothing left to
 * do. A database that is newer than this program is left as it is, with a warning.
 *
 * @returns the file names that this call applied
 * @throws AppError `MIGRATION_FAILED` with file and line (the files before it stay applied), `POSTGRES_TOO_OLD`, or
 *   `MIGRATIONS_FROM_OLD_HISTORY` or `MIGRATIONS_OF_ANOTHER_BRANCH` when the database has other migrations in the place of ours
 */
export async function migrate(url: string, log: Logger, options: MigrateOptions = {}): Promise<string[]> {
  const { directory = migrationsDirectory() } = options;
  if (options.createDatabase) await ensureDatabase(url, log);
  const config = { migrationSource: sqlFiles(directory), tableName: TABLE };
  return onDatabase(url, async (db) => {
    const done: string[] = [];
    for (;;) {
      await takeLock(db, log);
      const status = await readStatus(db, directory);
      const { pending, unknown } = status;
      const [next] = pending;
      const conflict = historyConflict(status);
      if (conflict) throw conflict;
      if (unknown.length > 0) log.warn({ unknown }, 'the database is newer than this program');
      if (next === undefined) return done;
      // We have the lock, so the process that left Knex's own mark there is dead.
      await db.migrate.forceFreeMigrationsLock(config);
      await db.migrate.up(config);
      log.info(`applied ${next}`);
      done.push(next);
    }
  });
}

/** What of `migrations/` is in this database. Changes nothing, and works on an empty database. */
export function migrationStatus(
  url: string,
  { directory = migrationsDirectory() }: Pick<MigrateOptions, 'directory'> = {},
): Promise<MigrationStatus> {
  return onDatabase(url, (db) => readStatus(db, directory));
}

/** The file names of all migrations of this program, in order. */
export async function migrationFiles(directory = migrationsDirectory()): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
}

/** `migrations/` lies in the package's root: two folders up from the sources, three up from `dist/platform/database`. */
export function migrationsDirectory(): string {
  const beside = join(__dirname, '..', '..', 'migrations');
  return existsSync(beside) ? beside : join(__dirname, '..', '..', '..', 'migrations');
}

/** A file of the history of before 0.1.0, which was written anew. No later history has one of this name. */
const OLD_HISTORY_FILE = '0002_inventory.sql';

/**
 * Why `migrate` refuses a database that has migrations unknown to this program and lacks some of its own; undefined where it
 * does not.
 */
export function historyConflict({ applied, pending, unknown }: MigrationStatus): AppError | undefined {
  const [first] = [...applied, ...pending].filter((name) => !unknown.includes(name)).sort();
  if (pending.length === 0 || unknown.length === 0 || first === undefined) return undefined;
  const facts = `it has ${unknown.join(', ')}, and lacks ${pending.join(', ')}. Nothing was changed.`;
  if (applied.includes(first) && !unknown.includes(OLD_HISTORY_FILE)) {
    return new AppError(
      'MIGRATIONS_OF_ANOTHER_BRANCH',
      `This database was migrated by a program of another branch: ${facts} ` +
        'Run a program that has both; leave the data as it is.',
    );
  }
  return new AppError(
    'MIGRATIONS_FROM_OLD_HISTORY',
    `This database was made by a version whose migrations this one does not continue: ${facts} ` +
      'Use an empty database and another TEMPORAL_NAMESPACE: let DATABASE_URL name another database, or, where that is not ' +
      'set, move the folder of HOLDFAST_HOME (.holdfast) away or set HOLDFAST_HOME to another folder.',
  );
}

/**
 * Belongs to the session, which is also the one that migrates: it is free once nothing of a dead process runs any more. Asked
 * for again and again, since a statement that waits has a snapshot, and CREATE INDEX CONCURRENTLY waits for those: the two
 * would wait for each other. While a migration waits for a table, every later statement on that table waits for it: it gives
 * up as soon as the product's own statements do.
 */
async function takeLock(db: Knex, log: Logger): Promise<void> {
  const sql = `select current_setting('server_version') as version, set_config('lock_timeout', '2s', false),
                      pg_try_advisory_lock(1751606374, 1) as free`;
  for (let tries = 0; ; tries += 1) {
    const [row] = (await db.raw<{ rows: { version: string; free: boolean }[] }>(sql)).rows;
    if (Number.parseInt(row?.version ?? '', 10) < OLDEST_POSTGRES) {
      const needed = `Holdfast needs PostgreSQL ${OLDEST_POSTGRES} or later`;
      throw new AppError('POSTGRES_TOO_OLD', `${needed}: this server is ${row?.version}.`);
    }
    if (row?.free) return;
    if (tries === 0) log.info('waiting for another process that migrates this database');
    await delay(100);
  }
}

async function readStatus(db: Knex, directory: string): Promise<MigrationStatus> {
  const files = await migrationFiles(directory);
  const applied: string[] = (await db.schema.hasTable(TABLE))
    ? await db<{ id: number; name: string }>(TABLE).orderBy('id').pluck('name')
    : [];
  return {
    applied,
    pending: files.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !files.includes(name)),
  };
}

function sqlFiles(directory: string): Knex.MigrationSource<string> {
  return {
    getMigrations: () => migrationFiles(directory),
    getMigrationName: (name) => name,
    async getMigration(name) {
      const sql = await readFile(join(directory, name), 'utf8');
      const transaction = !/^-- no transaction\r?\n/.test(sql);
      return {
        // Several statements in one query are a transaction too.
        up: (db) => runQueries(db, name, transaction ? [sql] : sql.split(/(?<=;)$/m)),
        down: () => Promise.reject<undefined>(new Error('migrations only go forward')),
        config: { transaction },
      };
    },
  };
}

/**
 * What a query finds as `run` is run after it: a statement for each month of the ledger, which are not known by name and are not to be locked
 * together.
 */
async function runQuery(connection: ClientBase, query: string): Promise<void> {
  const results = [await connection.query<{ run?: string }>(query)].flat();
  for (const { rows } of results) {
    for (const { run } of rows) if (run !== undefined) await connection.query(run);
  }
}

/** On the connection itself: `knex.raw` would take every `?` in the SQL for a parameter. */
async function runQueries(db: Knex, file: string, queries: readonly string[]): Promise<void> {
  // Knex has no type for its dialect; the pg dialect hands out the client that it runs on.
  const dialect = db.client as {
    acquireConnection(): Promise<ClientBase>;
    releaseConnection(connection: ClientBase): Promise<void>;
  };
  const connection = await dialect.acquireConnection();
  let before = '';
  try {
    for (const query of queries) {
      await runQuery(connection, query);
      before += query;
    }
  } catch (cause) {
    if (!(cause instanceof DatabaseError)) throw cause;
    const above = queries.join('').slice(0, before.length + Number(cause.position));
    const place = cause.position === undefined ? file : `${file}:${above.split('\n').length}`;
    throw new AppError('MIGRATION_FAILED', `${place}: ${cause.message}`, { file }, { cause });
  } finally {
    await dialect.releaseConnection(connection);
  }
}

async function onDatabase<T>(url: string, work: (db: Knex) => Promise<T>): Promise<T> {
  const quiet = () => undefined;
  const db = knex({
    client: 'pg',
    connection: { connectionString: url, application_name: 'holdfast-migrate' },
    pool: { min: 0, max: 1 },
    // Whatever fails is thrown as well.
    log: { debug: quiet, warn: quiet, error: quiet, deprecate: quiet },
  });
  try {
    return await work(db);
  } finally {
    await db.destroy();
  }
}
