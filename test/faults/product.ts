import { startApi } from '../../api/server';
import { readSettings } from '../../platform/config';
import { lazyTemporalClient } from '../../platform/temporal/connection';
import { engineNames } from '../../workflows/contract/names';
import { callApi } from '../api/support';
import { ensureBuilt } from '../cli/build';
import { startHoldfast, type Running } from '../cli/holdfast';
import { openLine, type Line } from '../relay/engine';
import { CARRIER_SECRETS } from '../support/carrier-signature';
import { createTestDatabase, openTestDatabase } from '../support/database';
import { scratchFolder, startPrivateTemporal, testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import type { Harness } from './harness';

/** A process of the built product. */
export interface Part {
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
}

/** The built product with a Temporal server of its own: an API in this process, workers and further APIs in theirs. */
export interface Product extends Harness {
  /** Where orders are placed with the API of this process. */
  url: string;
  /** A way to Temporal that can be cut. */
  line: Line;
  /** Resolves when it polls. `through`: by the line. */
  startWorker(options?: { through?: Line; env?: Record<string, string> }): Promise<Part>;
  /** Resolves when it listens; `call` reaches this API. */
  startApi(options?: { through?: Line }): Promise<Part & { call: Harness['call'] }>;
  close(): Promise<void>;
}

/** Settings of the processes: the carrier takes nothing away by itself, see `carrierCollects`. */
const ENVIRONMENT = {
  SANDBOX_CARRIER_DELAY_MS: '3600000',
  SHUTDOWN_GRACE_SECONDS: '5',
  WORKER_VERSIONING: 'off',
};

export async function openProduct(): Promise<Product> {
  await ensureBuilt();
  const [database, temporal, cwd] = await Promise.all([
    createTestDatabase(),
    startPrivateTemporal(),
    scratchFolder('product'),
  ]);
  const log = testLogger();
  const db = openTestDatabase(database, 10);
  const settings = readSettings({ PORT: '0', SHUTDOWN_GRACE_SECONDS: '5', ...CARRIER_SECRETS });
  const link = lazyTemporalClient(settings, { address: temporal.address });
  const names = engineNames();
  const api = await startApi({
    settings,
    db,
    databaseUrl: database.runtimeUrl,
    client: link.client,
    names,
    eagerStart: false,
    log,
  });
  const line = await openLine(temporal.address);
  const running = new Set<Running>();

  async function start(
    command: string,
    says: string,
    through: Line | undefined,
    env: Record<string, string> = {},
  ): Promise<Part & { said: string }> {
    const child = startHoldfast([command], {
      cwd,
      env: {
        ...ENVIRONMENT,
        DATABASE_URL: database.runtimeUrl,
        TEMPORAL_ADDRESS: (through ?? temporal).address,
        SANDBOX_CARRIER_WEBHOOK_URL: `${api.url}/api/v1/carriers/sandbox/events`,
        PORT: '0',
        ...CARRIER_SECRETS,
        ...env,
      },
    });
    running.add(child);
    const ended = child.ended.then(({ stderr }) => {
      running.delete(child);
      return stderr;
    });
    let gone: string | undefined;
    void ended.then((stderr) => (gone = stderr));
    await waitFor(() => child.stderr().includes(says) || gone !== undefined, 120_000);
    if (gone !== undefined) throw new Error(`holdfast ${command} ended:\n${gone}`);
    return {
      said: child.stderr(),
      async kill() {
        child.kill('SIGKILL');
        await ended;
      },
      pause: () => child.kill('SIGSTOP'),
      resume: () => child.kill('SIGCONT'),
    };
  }

  return {
    db,
    databaseUrl: database.url,
    client: link.client,
    names,
    url: `${api.url}/api/v1/orders`,
    line,
    call: (method, path, options) => callApi(api.url, method, path, options),
    startWorker: ({ through, env } = {}) => start('worker', 'the worker polls', through, env),
    async startApi({ through } = {}) {
      const part = await start('api', 'the API listens', through);
      const [, url] = /"url":"([^"]+)"/.exec(part.said) ?? [];
      if (url === undefined) throw new Error(`no address in:\n${part.said}`);
      return { ...part, call: (method, path, options) => callApi(url, method, path, options) };
    },
    async close() {
      for (const child of running) child.kill('SIGKILL');
      await Promise.all([...running].map((child) => child.ended));
      await api.close();
      await link.close();
      await line.close();
      await temporal.stop();
      await db.close();
      await database.drop();
    },
  };
}
