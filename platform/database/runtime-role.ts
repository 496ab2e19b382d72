import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import { AppError, sqlState } from '../errors';
import type { Logger } from '../telemetry/log';

/** The owner of the schema, who migrates, and the role as which the API and the worker run. */
export interface DatabaseRoles {
  ownerUrl: string;
  runtimeUrl: string;
}

export interface ProvideOptions {
  /** Gives the role the password of its URL although it exists: the server is ours, and so are its roles. */
  setPassword?: boolean;
}

/**
 * Makes the runtime role where it is missing, and gives it the rights that the product needs, no more: to read and write, but to
 * append-only tables only by adding. It owns nothing, so it can neither alter, drop nor truncate. Again it changes nothing.
 * Where both are one role there is nothing to do.
 *
 * @throws AppError `RUNTIME_ROLE_MISSING` where the owner may not make it, `RUNTIME_ROLE_PASSWORD` where its password is not that of
 *   the URL, `RUNTIME_ROLE_TOO_STRONG` where it could get round its grants
 */
export async function provideRuntimeRole(
  roles: DatabaseRoles,
  log: Logger,
  options: ProvideOptions = {},
): Promise<void> {
  const { ownerUrl, runtimeUrl } = roles;
  if (isOneRole(roles)) return;
  await withClient(ownerUrl, async (owner) => {
    await provideRole(owner, runtimeUrl, log, options);
    await grant(owner, userOf(runtimeUrl));
  });
  await checkLogin(runtimeUrl);
}

/** Where the owner alone is named: warns of a role that ran the product before, and has no rights on what was made since. */
export async function warnOfOtherRoles(roles: DatabaseRoles, log: Logger): Promise<void> {
  const { ownerUrl } = roles;
  if (!isOneRole(roles)) return;
  const { rows } = await withClient(ownerUrl, (owner) =>
    owner.query<{ name: string }>(
      `select distinct a.grantee::regrole::text as name from pg_default_acl d cross join aclexplode(d.defaclacl) a
       where d.defaclrole = quote_ident(current_user)::regrole and a.grantee not in (0, d.defaclrole)`,
    ),
  );
  if (rows.length === 0) return;
  const names = rows.map(({ name }) => name).join(', ');
  log.warn(
    `${names} has no rights on what is new: where the API and the worker run as that role, set DATABASE_OWNER_URL to the owner and DATABASE_URL to ${names}, and migrate again`,
  );
}

function isOneRole({ ownerUrl, runtimeUrl }: DatabaseRoles): boolean {
  return userOf(ownerUrl) === userOf(runtimeUrl);
}

function userOf(url: string): string {
  return decodeURIComponent(new URL(url).username);
}

const INSUFFICIENT_PRIVILEGE = '42501';
const ROLE_IS_THERE: readonly (string | undefined)[] = ['42710', '23505'];
const LOGIN_REFUSED: readonly (string | undefined)[] = ['28P01', '28000'];

async function provideRole(
  owner: Client,
  runtimeUrl: string,
  log: Logger,
  { setPassword = false }: ProvideOptions,
): Promise<void> {
  const name = userOf(runtimeUrl);
  const role = escapeIdentifier(name);
  const given = decodeURIComponent(new URL(runtimeUrl).password);
  const password = given === '' ? '' : ` password ${escapeLiteral(given)}`;
  const { rowCount } = await owner.query('select from pg_roles where rolname = $1', [name]);
  if (rowCount === 0) {
    try {
      await owner.query(`create role ${role} login${password}`);
      log.info(`created the role ${name}`);
      return;
    } catch (cause) {
      if (sqlState(cause) === INSUFFICIENT_PRIVILEGE) {
        const advice = `Let an administrator of the server run: create role ${role} login password '…'`;
        throw new AppError(
          'RUNTIME_ROLE_MISSING',
          `There is no role ${name}, and the owner of the schema may not make roles. ${advice}`,
          {},
          { cause },
        );
      }
      if (!ROLE_IS_THERE.includes(sqlState(cause))) throw cause;
    }
  }
  if (setPassword) await owner.query(`alter role ${role} login${password}`);
}

async function checkLogin(runtimeUrl: string): Promise<void> {
  try {
    await withClient(runtimeUrl, (client) => client.query('select'));
  } catch (cause) {
    if (!LOGIN_REFUSED.includes(sqlState(cause))) throw cause;
    const name = userOf(runtimeUrl);
    throw new AppError(
      'RUNTIME_ROLE_PASSWORD',
      `The server does not let ${name} in with the password of DATABASE_URL. Change it: alter role ${escapeIdentifier(name)} login password '…'`,
      {},
      { cause },
    );
  }
}

async function grant(owner: Client, name: string): Promise<void> {
  await owner.query('begin');
  try {
    await owner.query(
      `select set_config('holdfast.runtime_role', $1, true), set_config('lock_timeout', '10s', true)`,
      [name],
    );
    await owner.query(GRANTS);
    await owner.query('commit');
  } catch (error) {
    await owner.query('rollback').catch(() => undefined);
    if (sqlState(error) !== TOO_STRONG || !(error instanceof Error)) throw error;
    throw new AppError('RUNTIME_ROLE_TOO_STRONG', error.message, {}, { cause: error });
  }
}

/** Written by functions of the owner, or by migrations; besides the months of the ledger. */
export const WRITTEN_BY_OWNER = [
  'ledger_folds',
  'ledger_opening',
  'knex_migrations',
  'knex_migrations_lock',
] as const;

/** `HF001`, raised below. */
const TOO_STRONG = 'HF001';

/**
 * Of every table the role gets `select`, `insert`, `update` and `delete`, but
 * - of those that `refuse_change` and `refuse_event_change` keep append-only `select` and `insert`, of both ledgers and the audit log without
 *   the columns that say which entry of which transaction a row is;
 * - of what only functions of the owner write `select`, and so of the months of the ledger, which are written through their parent.
 * A table changes its rights only where they differ, so that a start beside others that run invalidates no plan.
 */
const GRANTS = `
do $grants$
declare
  runtime text := current_setting('holdfast.runtime_role');
  schema text;
  t record;
  wanted text[];
  columns text;
  strong text;
begin
  perform pg_advisory_xact_lock(hashtext('holdfast.grant_runtime_role'));
  select r.rolname into strong from pg_roles r where r.rolname = runtime and (r.rolsuper or r.rolbypassrls or r.rolreplication);
  if strong is not null then
    raise exception 'The role % is a superuser, or can pass for one: DATABASE_URL needs a role without such rights.', runtime using errcode = '${TOO_STRONG}';
  end if;
  select string_agg(distinct pg_get_userbyid(c.relowner)::text, ', ') into strong
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'S') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and pg_has_role(runtime, c.relowner, 'member');
  if strong is not null then
    raise exception 'The role % owns tables, or is a member of their owner (%). Give them to the owner first: reassign owned by % to %, and revoke the membership.',
      runtime, strong, quote_ident(runtime), quote_ident(current_user) using errcode = '${TOO_STRONG}';
  end if;

  execute format('alter default privileges grant select on tables to %I', runtime);
  execute format('alter default privileges grant usage on sequences to %I', runtime);
  if (select pg_has_role(d.datdba, 'member') from pg_database d where d.datname = current_database()) then
    execute format('grant connect on database %I to %I', current_database(), runtime);
    -- A temporary table would come before one of ours that a trigger names.
    execute format('revoke temporary on database %I from public, %I', current_database(), runtime);
  end if;
  for schema in
    select n.nspname from pg_namespace n
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and exists (select from pg_class c where c.relnamespace = n.oid and c.relkind in ('r', 'p') and pg_has_role(c.relowner, 'member'))
  loop
    execute format('grant usage on schema %I to %I', schema, runtime);
    execute format('revoke create on schema %I from public, %I', schema, runtime);
  end loop;

  for t in
    select c.oid::regclass as name, c.relname, c.relkind, c.relacl, c.oid,
      exists (select from pg_trigger g where g.tgrelid = c.oid and g.tgtype & 1 = 1 and g.tgtype & 24 = 24
              and g.tgfoid in (to_regproc('refuse_change'), to_regproc('refuse_event_change'))) as append_only,
      exists (select from pg_inherits i where i.inhrelid = c.oid and i.inhparent = 'inventory_transactions'::regclass) as is_month
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'S') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and pg_has_role(c.relowner, 'member')
  loop
    wanted := case
      when t.relkind = 'S' then '{USAGE}'
      when t.relkind = 'v' or t.is_month
        or t.relname in ('inventory_transactions', 'audit_log', 'money_ledger', ${WRITTEN_BY_OWNER.map((name) => `'${name}'`).join(', ')}) then '{SELECT}'
      when t.append_only then '{INSERT,SELECT}'
      -- Uploads analyse what they have staged.
      when t.relname in ('feed_rows', 'feed_changes', 'product_import_rows', 'reconciliation_rows', 'reconciliation_entries') then '{DELETE,INSERT,MAINTAIN,SELECT,UPDATE}'
      else '{DELETE,INSERT,SELECT,UPDATE}' end::text[];
    if wanted <> coalesce((select array_agg(a.privilege_type order by a.privilege_type) from aclexplode(t.relacl) a
                           where a.grantee = quote_ident(runtime)::regrole), '{}') then
      execute format('revoke all on %s %s from %I', case t.relkind when 'S' then 'sequence' else '' end, t.name, runtime);
      execute format('grant %s on %s %s to %I', array_to_string(wanted, ', '), case t.relkind when 'S' then 'sequence' else '' end,
        t.name, runtime);
    end if;
    if t.relname in ('inventory_transactions', 'audit_log', 'money_ledger') then
      select string_agg(quote_ident(a.attname), ', ') into columns from pg_attribute a
      where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped and a.attname not in ('id', 'at', 'xid')
        and not has_column_privilege(runtime, t.oid, a.attnum, 'insert');
      if columns is not null then execute format('grant insert (%s) on %s to %I', columns, t.name, runtime); end if;
    end if;
  end loop;

  for t in
    select p.oid::regprocedure as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where p.prosecdef and n.nspname !~ '^pg_' and pg_has_role(p.proowner, 'member')
      and not has_function_privilege(runtime, p.oid, 'execute')
  loop
    execute format('grant execute on function %s to %I', t.name, runtime);
  end loop;

  -- By way of PUBLIC, or of another role that it is a member of.
  select string_agg(c.oid::regclass::text, ', ') into strong
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and (has_table_privilege(runtime, c.oid, 'truncate')
      or (has_table_privilege(runtime, c.oid, 'update, delete')
        and exists (select from pg_trigger g where g.tgrelid = c.oid and g.tgtype & 1 = 1 and g.tgtype & 24 = 24
                    and g.tgfoid in (to_regproc('refuse_change'), to_regproc('refuse_event_change')))));
  if strong is not null then
    raise exception 'The role % may change what is append-only, or truncate, by rights that it has from PUBLIC or another role: %', runtime, strong
      using errcode = '${TOO_STRONG}';
  end if;
end $grants$`;

/** Runs `work` on a connection of its own. */
export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
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
