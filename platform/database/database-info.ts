import { one, type Queryable } from './database';

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

/** The role of a connection, and whether it may do what an owner of the schema may. */
export function readRole(on: Queryable): Promise<{ user: string; owns: boolean }> {
  return one(
    on,
    'platform.role',
    `select current_user as "user", exists (
       select from pg_class c where c.oid = to_regclass('inventory_transactions') and pg_has_role(c.relowner, 'member')) as owns`,
  );
}

/** Resolves when the database answers a statement. */
export async function pingDatabase(on: Queryable): Promise<void> {
  await one(on, 'platform.ping', 'select 1');
}
