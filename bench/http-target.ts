import express from 'express';
import { Pool } from 'pg';
import { startApi } from '../api/server';
import { readSettings } from '../platform/config';
import { openDatabase } from '../platform/database/database';
import { createLogger } from '../platform/telemetry/log';
import { lazyTemporalClient } from '../platform/temporal/connection';
import { engineNames } from '../workflows/contract/names';

/** A read by primary key: its path with `:key`, its statement, and the name that the server keeps it by. */
export interface BareRead {
  name: string;
  path: string;
  text: string;
}

/** Input of a server process of a benchmark over HTTP. */
export type TargetOrder =
  | { serve: 'api'; databaseUrl: string; env?: Readonly<Record<string, string>> }
  /** Express with one handler that returns the same document from memory. */
  | { serve: 'document'; path: string; document: unknown }
  /** Express with a handler for each read, which does nothing but the select. */
  | { serve: 'selects'; databaseUrl: string; reads: readonly BareRead[] };

/** One of the servers that are compared, in a process of its own. Reports its URL, and ends when it is disconnected. */
process.once('message', (order: TargetOrder) => {
  void serve(order).then((url) => process.send?.(url));
});
process.once('disconnect', () => process.exit());

async function serve(order: TargetOrder): Promise<string> {
  switch (order.serve) {
    case 'api':
      return serveApi(order.databaseUrl, order.env ?? {});
    case 'document': {
      const { path, document } = order;
      return serveBare((app) => app.get(path, (_req, res) => void res.json(document)));
    }
    case 'selects': {
      const pool = new Pool({
        connectionString: order.databaseUrl,
        max: readSettings({}).DATABASE_POOL_SIZE,
      });
      return serveBare((app) => {
        for (const { name, path, text } of order.reads)
          app.get(path, async (req, res) => {
            const { rows } = await pool.query({ name, text, values: [req.params.key] });
            res.json(rows);
          });
      });
    }
  }
}

/** The product's API as it is, all of its routes and its middleware. It does not need Temporal here. */
async function serveApi(databaseUrl: string, env: Readonly<Record<string, string>>): Promise<string> {
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

async function serveBare(mount: (app: ReturnType<typeof express>) => unknown): Promise<string> {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  mount(app);
  return new Promise((resolve, reject) => {
    const server = app.listen(0, '127.0.0.1', (error) => {
      const address = server.address();
      if (error || typeof address !== 'object' || !address) reject(error ?? new Error('no address'));
      else resolve(`http://127.0.0.1:${address.port}`);
    });
  });
}
