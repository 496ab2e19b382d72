import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { isHostServed } from '../loopback';
import { AppError } from '../errors';
import type { Logger } from '../telemetry/log';
import { metricsText } from '../telemetry/metrics';
import type { ProcessHealth } from './process-health';

export interface AdminServer {
  port: number;
  close(): Promise<void>;
}

const PROBES = ['/health', '/ready'];
/** Probes and a Prometheus need a few. Each is an open file, of which the process needs some for its work. */
const MAX_CONNECTIONS = 1_000;
/** Within this a request has come, also of a connection that sends nothing. */
const REQUEST_MS = 10_000;
const TIMEOUT_CHECK_MS = 1_000;
/** A connection on which nothing moves. */
const IDLE_MS = 60_000;

/**
 * Serves `GET /health`, `/ready` and `/metrics` and nothing else, for a process without an HTTP API. Metrics only under names that
 * `isHostServed` lets through.
 *
 * @throws AppError `PORT_TAKEN` when it cannot listen there
 */
export async function serveAdmin(options: {
  host: string;
  port: number;
  /** Host names that are served besides those of this machine; empty: any, where `host` is no loopback. */
  allowedHosts?: readonly string[];
  registry: Registry;
  health: ProcessHealth;
  log: Logger;
  /** For tests: less than `REQUEST_MS`. */
  requestMs?: number;
}): Promise<AdminServer> {
  const { host, port, allowedHosts = [], registry, health, log, requestMs = REQUEST_MS } = options;

  async function respond(path: string | undefined, response: ServerResponse): Promise<void> {
    if (path === '/health') {
      sendJson(response, 200, await health.health());
    } else if (path === '/ready') {
      const readiness = await health.readiness();
      sendJson(response, readiness.ready ? 200 : 503, readiness);
    } else if (path === '/metrics') {
      const text = await metricsText([registry]);
      response.writeHead(200, { 'content-type': registry.contentType }).end(text);
    } else {
      response.writeHead(404).end();
    }
  }

  const times = {
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
  };
  const server = createServer(times, (request, response) => {
    const path = request.url?.split('?', 1)[0];
    // Probes call by an address.
    const served = { listensOn: host, allowed: allowedHosts };
    if (!PROBES.includes(path ?? '') && !isHostServed(request.headers.host, served)) {
      response.writeHead(421).end();
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    respond(path, response).catch((error: unknown) => {
      log.error({ err: error, path }, 'the admin port could not respond');
      response.writeHead(500).end();
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = IDLE_MS;
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

function sendJson(response: ServerResponse, status: number, body: object): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(JSON.stringify(body));
}
