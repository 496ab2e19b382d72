import { sqlState } from '../errors';
import { many, one, type Queryable } from './database';
import { WRITTEN_BY_OWNER } from './runtime-role';

export interface DatabaseInfo {
  /** Such as 18.4. */
  version: string;
  database: string;
  user: string;
}

/** Which server and database a connection has reached. */
export function readDatabaseInfo(on: Queryable): Promise<DatabaseInfo> {
  return one<DatabaseInfo & Record<string, unknown>>(
    on,
    'platform.database_info',
    `select split_part(current_setting('server_version'), ' ', 1) as version,
            current_database() as database, current_user as "user"`,
  );
}

/** The same for two connections to one database, whatever they call it. */
export async function readDatabaseIdentity(on: Queryable): Promise<string> {
  const { identity } = await one<{ identity: string }>(
    on,
    'platform.database_identity',
    `select concat_ws(' ', pg_postmaster_start_time(), d.oid, d.datname) as identity
     from pg_database d where d.datname = current_database()`,
  );
  return identity;
}

/** The role of the connection. `lacking`: tables into which the product writes and the role may not. */
export function readRole(on: Queryable): Promise<{ user: string; owns: boolean; lacking: string[] }> {
  return one(
    on,
    'platform.role',
    `select current_user as "user", exists (
       select from pg_class c where c.oid = to_regclass('inventory_transactions') and pg_has_role(c.relowner, 'member')) as owns,
       coalesce((
         select array_agg(c.oid::regclass::text order by c.oid) from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
           and c.relowner = (select o.relowner from pg_class o where o.oid = to_regclass('inventory_transactions'))
           and c.relname <> all ($1::text[]) and not has_any_column_privilege(c.oid, 'insert')
           and not exists (select from pg_inherits i where i.inhrelid = c.oid
                           and i.inhparent = to_regclass('inventory_transactions'))), '{}') as lacking`,
    [WRITTEN_BY_OWNER],
  );
}

const UNDEFINED_TABLE = '42P01';

/** Those of these migrations that the database lacks. */
export async function readPendingMigrations(on: Queryable, migrations: readonly string[]): Promise<string[]> {
  try {
    const rows = await many<{ name: string }>(
      on,
      'platform.pending_migrations',
      `select known.name from unnest($1::text[]) as known (name)
       where not exists (select from knex_migrations m where m.name = known.name) order by known.name`,
      [migrations],
    );
    return rows.map(({ name }) => name);
  } catch (error) {
    // It was never migrated.
    if (sqlState(error) === UNDEFINED_TABLE) return [...migrations];
    throw error;
  }
}
