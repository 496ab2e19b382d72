import { createServer } from 'node:net';
import type { Logger } from '../telemetry/log';

/** True when nothing listens on this port of 127.0.0.1. */
export function isPortFree(port: number): Promise<boolean> {
  return listenOn(port).then(
    () => true,
    () => false,
  );
}

/**
 * `preferred` when it is free, else any free port of 127.0.0.1, and then says so in the log.
 * Without `preferred` (or 0) any free port. It is free now; only binding it makes it ours, so callers try again.
 */
export async function choosePort(preferred: number | undefined, what: string, log: Logger): Promise<number> {
  if (!preferred) return listenOn(0);
  if (await isPortFree(preferred)) return preferred;
  const port = await listenOn(0);
  log.warn({ taken: preferred, port }, `port ${preferred} is taken: ${what} listens on ${port} instead`);
  return port;
}

function listenOn(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      const bound = address !== null && typeof address === 'object' ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}
