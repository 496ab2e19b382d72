import { existsSync } from 'node:fs';
import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from 'jest';
import { Client, escapeIdentifier } from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../platform/embedded/postgres';
import { ownIdentity } from '../../platform/embedded/processes';
import { startTemporalServer } from '../../platform/embedded/temporal';
import { findTemporalCli } from '../../platform/embedded/temporal-cli';
import { createLogger } from '../../platform/telemetry/log';
import { migrate } from '../../platform/database/migrations';
import { provideRuntimeRole } from '../../platform/database/runtime-role';
import { insertAdminKey } from './access-keys';
import { copyCluster, createCluster } from './postgres-cluster';
import { endRun, endRunAndExit, FOLDER_PREFIX, OWNER_FILE, removeAbandonedRuns } from './run-folders';
import { ENV, type TestRun } from './run';
import { buildWorkflowBundle, WORKFLOWS_ENTRY } from './workflow-bundle';

const TEMPLATE = 'holdfast_template';

/** Nothing here outlives the run, so PostgreSQL need not reach the disk. Fault tests start servers of their own. */
const FAST = {
  fsync: false,
  synchronous_commit: false,
  full_page_writes: false,
  wal_level: 'minimal',
  max_wal_senders: 0,
  max_connections: 300,
};

/**
 * Starts one PostgreSQL and one Temporal for all test files. The cluster has a migrated template database, and so have the copies of it that tests
 * start servers of their own on.
 */
export default async function setUp(globalConfig: Pick<Config, 'collectCoverage'>): Promise<void> {
  const log = createLogger(process.env.HOLDFAST_TEST_LOG_LEVEL ?? 'warn', 'test');
  await removeAbandonedRuns();
  const run: TestRun = { folder: await mkdtemp(join(tmpdir(), FOLDER_PREFIX)) };
  globalThis.holdfastTestRun = run;
  // As root PostgreSQL runs as another user, who must get through here.
  await chmod(run.folder, 0o711);
  await writeFile(join(run.folder, OWNER_FILE), JSON.stringify(await ownIdentity()));
  process.once('SIGINT', endRunAndExit).once('SIGTERM', endRunAndExit);
  try {
    const coverage = globalConfig.collectCoverage === true;
    const parts = await Promise.allSettled([startPostgres(run), startTemporal(run), bundle(run, coverage)]);
    // All have come to an end, so that what did start is stopped when another did not.
    const failed = parts.find((part) => part.status === 'rejected');
    if (failed) throw failed.reason;
    process.env[ENV.folder] = run.folder;
  } catch (error) {
    await endRun(run);
    throw error;
  }

  async function startPostgres({ folder }: TestRun): Promise<void> {
    const [cluster, dataDir] = [join(folder, 'cluster'), join(folder, 'postgres')];
    await createCluster(cluster, log);
    const maker = await startEmbeddedPostgres({ dataDir: cluster, log, settings: FAST });
    try {
      await makeTemplate(maker);
    } finally {
      await maker.stop();
    }
    await copyCluster(cluster, dataDir);
    const server = await startEmbeddedPostgres({ dataDir, log, settings: FAST });
    run.postgres = server;
    process.env[ENV.cluster] = cluster;
    process.env[ENV.postgres] = server.url();
    process.env[ENV.postgresRuntime] = server.runtimeUrl();
    process.env[ENV.template] = TEMPLATE;
  }

  async function makeTemplate(server: EmbeddedPostgres): Promise<void> {
    await migrate(server.url(TEMPLATE), log, { createDatabase: true });
    const roles = { ownerUrl: server.url(TEMPLATE), runtimeUrl: server.runtimeUrl(TEMPLATE) };
    // Databases that are cloned from it have its grants.
    await provideRuntimeRole(roles, log, { setPassword: true });
    const template = new Client({ connectionString: roles.ownerUrl });
    await template.connect();
    await insertAdminKey(template);
    await template.end();
    const client = new Client({ connectionString: server.url() });
    await client.connect();
    await client.query(
      `alter database ${escapeIdentifier(TEMPLATE)} with is_template true allow_connections false`,
    );
    await client.end();
  }

  async function startTemporal(started: TestRun): Promise<void> {
    // On a machine's first run this may build the program, so it says what it does whatever the level.
    const cliLog = createLogger('info', 'test');
    const explicitPath = process.env.TEMPORAL_CLI_PATH;
    const cliPath = await findTemporalCli({ log: cliLog, explicitPath });
    const server = await startTemporalServer({ cliPath, ui: false, log });
    started.temporal = server;
    process.env[ENV.temporal] = server.address;
    process.env[ENV.temporalCli] = cliPath;
  }
}

async function bundle({ folder }: TestRun, coverage: boolean): Promise<void> {
  if (!existsSync(WORKFLOWS_ENTRY)) return;
  process.env[ENV.bundle] = await buildWorkflowBundle(folder, false);
  if (coverage) process.env[ENV.countingBundle] = await buildWorkflowBundle(folder, true);
}
