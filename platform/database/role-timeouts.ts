import { escapeIdentifier } from 'pg';
import { many, one, TIMEOUTS_MS, type Queryable } from './database';
import { withClient } from './runtime-role';

type Timeout = keyof typeof TIMEOUTS_MS;

/**
 * Gives the role of `url` its timeouts in this database, for connections that cannot ask for them: a pooler in transaction mode refuses
 * them as a connection starts, and what one client sets, another gets. What somebody has set for the role already stays. It holds for
 * connections that the server opens from now on: the pooler must open its own anew.
 *
 * @param url of the server itself
 * @returns the names of those that were set
 */
export function provideRoleTimeouts(url: string): Promise<string[]> {
  return withClient(url, async (client) => {
    const { role, database, names } = await readOwnTimeouts(client);
    const missing = (Object.keys(TIMEOUTS_MS) as Timeout[]).filter((name) => !names.includes(name));
    for (const name of missing)
      await client.query(
        `alter role ${escapeIdentifier(role)} in database ${escapeIdentifier(database)} set ${name} = ${TIMEOUTS_MS[name]}`,
      );
    return missing;
  });
}

/** The timeouts that are set for this role, in this database or in all. */
function readOwnTimeouts(on: Queryable): Promise<{ role: string; database: string; names: string[] }> {
  return one(
    on,
    'platform.own_timeouts',
    `select current_user as role, current_database() as database, coalesce((
       select array_agg(split_part(setting, '=', 1))
       from pg_db_role_setting s, unnest(s.setconfig) as setting
       where s.setrole = quote_ident(current_user)::regrole
         and s.setdatabase in (0, (select d.oid from pg_database d where d.datname = current_database()))), '{}') as names`,
  );
}

/** Those of the timeouts that do not hold on this connection. */
export async function lackingTimeouts(on: Queryable): Promise<string[]> {
  const rows = await many<{ name: string }>(
    on,
    'platform.lacking_timeouts',
    `select name from pg_settings where name = any ($1::text[]) and setting = '0' order by name`,
    [Object.keys(TIMEOUTS_MS)],
  );
  return rows.map(({ name }) => name);
}
