import { Client, escapeIdentifier } from 'pg';
import { sqlState } from '../errors';
import type { Logger } from '../telemetry/log';

const MISSING_DATABASE = '3D000';
/** Another process made it in the same moment. */
const DATABASE_IS_THERE: readonly (string | undefined)[] = ['42P04', '23505'];

/**
 * Makes the database of a URL where the server has none of that name. Only then it connects to the database `postgres`, which
 * not every role may.
 *
 * @throws what PostgreSQL answers: no connection, no right to make a database
 */
export async function ensureDatabase(databaseUrl: string, log: Logger): Promise<void> {
  try {
    await queryOnce(databaseUrl, 'select');
    return;
  } catch (error) {
    if (sqlState(error) !== MISSING_DATABASE) throw error;
  }
  const url = new URL(databaseUrl);
  const name = decodeURIComponent(url.pathname.slice(1));
  url.pathname = '/postgres';
  try {
    await queryOnce(url.href, `create database ${escapeIdentifier(name)} template template0 encoding 'UTF8'`);
    log.info(`created database ${name}`);
  } catch (error) {
    if (!DATABASE_IS_THERE.includes(sqlState(error))) throw error;
  }
}

async function queryOnce(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url, application_name: 'holdfast-migrate' });
  // A lost connection also fails the query that is running, which is where it is reported.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
