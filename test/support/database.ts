import { randomBytes } from 'node:crypto';
import { Client, escapeIdentifier } from 'pg';
import { productDatabase } from './pooler';
import { fromSetup } from './run';
import { openDatabase, type Database, type DatabaseOptions } from '../../platform/database/database';
import type { EmbeddedPostgres } from '../../platform/embedded/postgres';
import { provideRoleTimeouts } from '../../platform/database/role-timeouts';
import { postgresRuntimeUrl, postgresUrl, testLogger } from './servers';

/** Where databases are made. */
type TestServer = Pick<EmbeddedPostgres, 'url' | 'runtimeUrl'>;

const RUN: TestServer = { url: postgresUrl, runtimeUrl: postgresRuntimeUrl };

export interface TestDatabase {
  /** As the owner of the schema. */
  url: string;
  /** As the role that the product runs as. */
  runtimeUrl: string;
  /** Ends its connections and removes it. */
  drop(): Promise<void>;
}

/**
 * A database of one's own with all migrations applied, cloned from the run's template in milliseconds; on the run's server, or on one
 * of the test's own, which has the template too.
 */
export async function createTestDatabase(server: TestServer = RUN): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  const template = escapeIdentifier(fromSetup('template'));
  // Copying the files takes 10 ms for 10 MB where the default, through the log, takes 25.
  await administer(
    server,
    `create database ${escapeIdentifier(name)} template ${template} strategy file_copy`,
  );
  const runtimeUrl = server.runtimeUrl(name);
  if (productDatabase(runtimeUrl).DATABASE_DIRECT_URL) await provideRoleTimeouts(runtimeUrl);
  return {
    url: server.url(name),
    runtimeUrl,
    drop: () => administer(server, `drop database if exists ${escapeIdentifier(name)} with (force)`),
  };
}

/** An empty database of one's own, without migrations. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  const name = `empty_${randomBytes(6).toString('hex')}`;
  await administer(RUN, `create database ${escapeIdentifier(name)} template template0`);
  return {
    url: postgresUrl(name),
    runtimeUrl: postgresRuntimeUrl(name),
    drop: () => administer(RUN, `drop database if exists ${escapeIdentifier(name)} with (force)`),
  };
}

/**
 * Opens it as the product does, as the runtime role: whatever the product may not do fails. `pool` alone is the owner's, for what
 * tests do by hand; the product runs nothing on it.
 */
export function openTestDatabase(
  { url, runtimeUrl }: Omit<TestDatabase, 'drop'>,
  poolSize: number,
  observed: Pick<DatabaseOptions, 'metrics' | 'tracer'> = {},
): Database {
  const { DATABASE_URL, DATABASE_DIRECT_URL: directUrl } = productDatabase(runtimeUrl);
  const product = openDatabase({ url: DATABASE_URL, directUrl, poolSize, log: testLogger(), ...observed });
  const owner = openDatabase({ url, poolSize, log: testLogger() });
  return {
    ...product,
    pool: owner.pool,
    async close() {
      await Promise.all([product.close(), owner.close()]);
    },
  };
}

async function administer(server: TestServer, statement: string): Promise<void> {
  const client = new Client({ connectionString: server.url() });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
