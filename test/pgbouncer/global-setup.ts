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
  await setUpServers(globalConfig);
  const run = globalThis.holdfastTestRun;
  const [program, runtimeUrl] = [process.env.PGBOUNCER_PATH, process.env[ENV.postgresRuntime]];
  if (!run || !program || !runtimeUrl) throw new Error('run it by `npm run test:pgbouncer`');
  try {
    const log = createLogger('warn', 'test');
    const pooler = await startPgBouncer({ program, runtimeUrl, folder: run.folder, log });
    globalThis.holdfastTestPooler = pooler;
    process.env[ENV.pooler] = pooler.address;
  } catch (error) {
    await endRun(run);
    throw error;
  }
}
