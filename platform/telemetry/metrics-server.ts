import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { isHostServed } from '../loopback';
import { AppError } from '../errors';
import { metricsText } from './metrics';
import type { Logger } from './log';

export interface MetricsServer {
  port: number;
  close(): Promise<void>;
}

/**
 * Serves `GET /metrics` and nothing else, for a process without an HTTP API. On loopback only under names of this machine.
 *
 * @throws AppError `PORT_TAKEN` when it cannot listen there
 */
export async function serveMetrics(options: {
  host: string;
  port: number;
  registry: Registry;
  log: Logger;
}): Promise<MetricsServer> {
  const { host, port, registry, log } = options;
  const server = createServer((request, response) => {
    if (!isHostServed(request.headers.host, { listensOn: host })) {
      response.writeHead(421).end();
      return;
    }
    const path = request.url?.split('?', 1)[0];
    if (request.method !== 'GET' || path !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    metricsText([registry]).then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      (error: unknown) => {
        log.error({ err: error }, 'metrics could not be read');
        response.writeHead(500).end();
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new AppError('PORT_TAKEN', `Cannot listen on ${host}:${port}: ${cause.message}`, {}, { cause })),
    );
    server.listen(port, host, resolve);
  });
  return {
    // A server that listens on TCP has an address of this shape.
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
