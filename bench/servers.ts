import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../platform/embedded/postgres';
import { startTemporalServer, type TemporalServer } from '../platform/embedded/temporal';
import { findTemporalCli } from '../platform/embedded/temporal-cli';
import { createLogger, type Logger } from '../platform/telemetry/log';
import { migrate } from '../platform/database/migrations';

export interface BenchPostgres {
  url: string;
  folder: string;
  pid: number;
  log: Logger;
  stop(): Promise<void>;
}

/** A fresh PostgreSQL of the benchmark's own, as durable as the product's, with all migrations. Removed when stopped. */
export async function startBenchPostgres(): Promise<BenchPostgres> {
  const log = createLogger(process.env.LOG_LEVEL ?? 'warn', 'bench');
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  // PostgreSQL may run as another user, who must be able to pass.
  await chmod(folder, 0o711);
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'pg'), log });
  const url = server.url('holdfast');
  await migrate(url, log, { createDatabase: true });
  return {
    url,
    folder,
    pid: server.pid,
    log,
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A fresh Temporal dev server beside it, without UI. */
export async function startBenchTemporal({ folder, log }: BenchPostgres): Promise<TemporalServer> {
  const cliPath = await findTemporalCli({ explicitPath: process.env.TEMPORAL_CLI_PATH, log });
  return startTemporalServer({ cliPath, stateFile: join(folder, 'temporal.db'), ui: false, log });
}
