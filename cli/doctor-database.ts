import type { Settings } from '../platform/config';
import { openDatabase, type Database } from '../platform/database/database';
import { readDatabaseIdentity, readDatabaseInfo, readRole } from '../platform/database/database-info';
import { lackingTimeouts } from '../platform/database/role-timeouts';
import { sqlState } from '../platform/errors';
import { createLogger } from '../platform/telemetry/log';
import {
  historyConflict,
  migrationStatus,
  OLDEST_POSTGRES,
  type MigrationStatus,
} from '../platform/database/migrations';
import type { Finding } from './doctor-checks';
import { errorText } from './error-text';
import { locateDatabase, locateDirectDatabase } from './servers';

const ADVICE_BY_STATE: Readonly<Record<string, string>> = {
  '3D000': 'holdfast migrate makes the database',
  '28P01': 'the password in DATABASE_URL is not right',
  '28000': 'the server does not let this user in: see its pg_hba.conf',
};

export async function checkDatabase(settings: Settings): Promise<Finding[]> {
  const url = await locateDirectDatabase(settings);
  const db = openDatabase({ url, poolSize: 1, log: createLogger('silent') });
  try {
    const server = await checkServer(db, url);
    if (!server.ok) return [server];
    const findings = [server, await checkMigrations(url), await checkRole(db)];
    return settings.DATABASE_DIRECT_URL === undefined
      ? findings
      : [...findings, await checkPooler(db, await locateDatabase(settings), url)];
  } finally {
    await db.close();
  }
}

/** Whether the pooler leads to the same database, and its connections have the timeouts that they cannot ask for. */
async function checkPooler(direct: Database, url: string, directUrl: string): Promise<Finding> {
  const pooled = openDatabase({ url, directUrl, poolSize: 1, log: createLogger('silent') });
  const { host } = new URL(url);
  const finding = { name: 'Pooler', ok: false };
  try {
    const [there, here] = [await readDatabaseIdentity(pooled), await readDatabaseIdentity(direct)];
    if (there !== here)
      return { ...finding, detail: `${host} leads to another database than DATABASE_DIRECT_URL` };
    const lacking = await lackingTimeouts(pooled);
    if (lacking.length === 0) return { ...finding, ok: true, detail: `${host}, timeouts are set` };
    const advice = 'holdfast migrate sets them for the role; then let the pooler connect anew (RECONNECT)';
    return { ...finding, detail: `${host}: connections without ${lacking.join(', ')}`, advice };
  } catch (error) {
    const advice = 'is it running, is its mode transaction, and is max_prepared_statements above 0?';
    return { ...finding, detail: `${host}: ${errorText(error)}`, advice };
  } finally {
    await pooled.close();
  }
}

async function checkServer(db: Database, url: string): Promise<Finding> {
  const { host } = new URL(url);
  try {
    const { version, database, user } = await readDatabaseInfo(db);
    const ok = Number.parseInt(version, 10) >= OLDEST_POSTGRES;
    return {
      name: 'PostgreSQL',
      ok,
      detail: `${version} at ${host}, database ${database} as ${user}`,
      advice: ok ? undefined : `Holdfast is made for PostgreSQL ${OLDEST_POSTGRES} and later`,
    };
  } catch (error) {
    return {
      name: 'PostgreSQL',
      ok: false,
      detail: `${host}: ${errorText(error)}`,
      advice: ADVICE_BY_STATE[sqlState(error) ?? ''] ?? 'is it running, and DATABASE_URL right?',
    };
  }
}

/** Whether the role that the product runs as can do its work, and could change what proves the ledger. */
async function checkRole(db: Database): Promise<Finding> {
  const { user, owns, lacking } = await readRole(db);
  if (lacking.length > 0) {
    const shown = lacking.length > 5 ? [...lacking.slice(0, 5), '…'] : lacking;
    return {
      name: 'Role',
      ok: false,
      detail: `${user} may not write to ${lacking.length} tables: ${shown.join(', ')}`,
      advice:
        'holdfast migrate with DATABASE_OWNER_URL and DATABASE_URL gives it its rights (docs/operations.md)',
    };
  }
  return {
    name: 'Role',
    ok: true,
    detail: owns
      ? `${user} owns the tables`
      : `${user} owns no table: it can neither alter nor drop nor truncate`,
    advice: owns
      ? 'set DATABASE_OWNER_URL to the owner, and DATABASE_URL to a role of its own (docs/operations.md)'
      : undefined,
  };
}

async function checkMigrations(url: string): Promise<Finding> {
  return migrationFinding(await migrationStatus(url));
}

export function migrationFinding(status: MigrationStatus): Finding {
  const { applied, pending, unknown } = status;
  const conflict = historyConflict(status);
  if (conflict) {
    const detail = `applied by another program: ${unknown.join(', ')}; pending: ${pending.join(', ')}`;
    return { name: 'Migrations', ok: false, detail, advice: conflict.message };
  }
  if (pending.length > 0) {
    const detail = `pending: ${pending.join(', ')}`;
    return { name: 'Migrations', ok: false, detail, advice: 'holdfast migrate' };
  }
  const newer = unknown.length > 0 ? `, ${unknown.length} of them by a newer version` : '';
  return { name: 'Migrations', ok: true, detail: `${applied.length} applied, none pending${newer}` };
}
