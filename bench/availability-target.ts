import express from 'express';
import { startApi } from '../api/server';
import { readSettings } from '../platform/config';
import { openDatabase } from '../platform/database/database';
import { createLogger } from '../platform/telemetry/log';
import { lazyTemporalClient } from '../platform/temporal/connection';
import { engineNames } from '../workflows/contract/names';

/** Input of a server process of a benchmark. `env`: settings that are not the defaults. */
export type TargetOrder =
  | { serve: 'api'; databaseUrl: string; env?: Readonly<Record<string, string>> }
  | { serve: 'bare'; document: unknown };

/** One of the two servers that are compared, in a process of its own. Reports its URL, and ends when it is disconnected. */
process.once('message', (order: TargetOrder) => {
  void (order.serve === 'api' ? serveApi(order) : serveBare(order.document)).then((url) =>
    process.send?.(url),
  );
});
process.once('disconnect', () => process.exit());

/** The product's API as it is, all of its routes and its middleware. It does not need Temporal here. */
async function serveApi({ databaseUrl, env = {} }: TargetOrder & { serve: 'api' }): Promise<string> {
  const settings = { ...readSettings(env), PORT: 0 };
  const log = createLogger('warn', 'bench');
  const db = openDatabase({ url: databaseUrl, poolSize: settings.DATABASE_POOL_SIZE, log });
  const { client } = lazyTemporalClient(settings, { address: '127.0.0.1:9' });
  const api = await startApi({
    settings,
    db,
    databaseUrl,
    client,
    names: engineNames(),
    eagerStart: false,
    log,
  });
  return api.url;
}

/** Express with one handler that returns the same document from memory. */
async function serveBare(document: unknown): Promise<string> {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.get('/api/v1/inventory/:sku', (_req, res) => {
    res.json(document);
  });
  return new Promise((resolve, reject) => {
    const server = app.listen(0, '127.0.0.1', (error) => {
      const address = server.address();
      if (error || typeof address !== 'object' || !address) reject(error ?? new Error('no address'));
      else resolve(`http://127.0.0.1:${address.port}`);
    });
  });
}
