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

/** Resolves when the database answers a statement. */
export async function pingDatabase(on: Queryable): Promise<void> {
  await one(on, 'platform.ping', 'select 1');
}
