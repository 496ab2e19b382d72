import type { Config } from 'jest';
import { createLogger } from '../../platform/telemetry/log';
import setUpServers from '../support/global-setup';
import { endRun } from '../support/run-folders';
import { ENV } from '../support/run';
import { startPgBouncer, type PgBouncer } from './server';

declare global {
  var holdfastTestPooler: PgBouncer | undefined;
}

/** The servers of every run, and PgBouncer in front of PostgreSQL. */
export default async function setUp(globalConfig: Pick<Config, 'collectCoverage'>): Promise<void> {
  const program = process.env.PGBOUNCER_PATH;
  if (!program) throw new Error('run it by `npm run test:pgbouncer`');
  await setUpServers(globalConfig);
  const run = globalThis.holdfastTestRun;
  if (!run) throw new Error('no servers were started');
  try {
    const runtimeUrl = process.env[ENV.postgresRuntime] ?? '';
    const log = createLogger('warn', 'test');
    const pooler = await startPgBouncer({ program, runtimeUrl, folder: run.folder, log });
    globalThis.holdfastTestPooler = pooler;
    process.env[ENV.pooler] = pooler.address;
  } catch (error) {
    await endRun(run);
    throw error;
  }
}
