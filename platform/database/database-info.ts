import { one, type Queryable } from './database';
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

/** Resolves when the database answers a statement. */
export async function pingDatabase(on: Queryable): Promise<void> {
  await one(on, 'platform.ping', 'select 1');
}
