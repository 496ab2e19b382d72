import { startEmbeddedPostgres } from '../../../platform/embedded/postgres';
import { createLogger } from '../../../platform/telemetry/log';

/** Starts PostgreSQL in the folder of its argument, says where, and waits to be killed. */
void startEmbeddedPostgres({ dataDir: process.argv[2] ?? '', log: createLogger('info') }).then((server) => {
  process.stdout.write(`${JSON.stringify({ url: server.url(), pid: server.pid })}\n`);
  setInterval(() => undefined, 60_000);
});
