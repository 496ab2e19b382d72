import { STATUS_CODES, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { newId } from '../../platform/ids';
import type { Logger } from '../../platform/telemetry/log';
import { createOccasionalLog } from './occasional-log';
import { problem, type ProblemCode } from './problems';
import { problemResponse } from './response';

/** Why a connection was refused before there was a request. */
export const REFUSED_CONNECTIONS = [
  'malformed',
  'headers_too_large',
  'body_malformed',
  'timeout',
  'too_many',
] as const;
export type RefusedConnection = (typeof REFUSED_CONNECTIONS)[number];

export interface ConnectionOptions {
  /** Sockets that are open at once. */
  maxConnections: number;
  /** For tests: less than `UNTAKEN_MS`. */
  untakenMs?: number;
  log: Logger;
  metrics: { refusedConnection(reason: RefusedConnection): void };
}

/** How long a client has to read why it was refused. */
const READ_MS = 1_000;
/** A client that takes nothing of its response for so long is gone, or wants to keep the connection and what is written to it. */
const UNTAKEN_MS = 60_000;

interface Refusal {
  reason: RefusedConnection;
  code: ProblemCode;
  detail: string;
}

const MALFORMED: Refusal = { reason: 'malformed', code: 'BAD_REQUEST', detail: 'This is not HTTP.' };

/** By the code of the error of Node's parser. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: {
    reason: 'headers_too_large',
    code: 'HEADERS_TOO_LARGE',
    detail: 'The request line and the headers have at most 16 KB.',
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    reason: 'body_malformed',
    code: 'PAYLOAD_TOO_LARGE',
    detail: 'The extensions of a chunk are too large.',
  },
  HPE_INVALID_CHUNK_SIZE: {
    reason: 'body_malformed',
    code: 'BAD_REQUEST',
    detail: 'A chunk of the body has no valid size.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    reason: 'timeout',
    code: 'REQUEST_TIMEOUT',
    detail: 'The request did not come in time.',
  },
};

/**
 * Bounds the connections of a server, and answers what never becomes a request with a problem document: what is not HTTP, headers that
 * are too large or too slow. Each is counted, and logged once a minute. A connection whose client takes nothing of a response is cut.
 */
export function guardConnections(
  server: Server,
  { maxConnections, untakenMs = UNTAKEN_MS, log, metrics }: ConnectionOptions,
): void {
  const warn = createOccasionalLog(log);
  const answered = new WeakSet<Duplex>();
  const responses = new WeakMap<Duplex, ServerResponse>();

  server.maxConnections = maxConnections;
  server.on('drop', () => {
    metrics.refusedConnection('too_many');
    warn('too_many', { maxConnections }, 'a connection was refused: too many are open');
  });
  server.on('request', (req, res) => responses.set(req.socket, res));
  server.timeout = untakenMs;
  // Nothing came, and nothing of what was written went out, for `untakenMs`, or between two requests for `keepAliveTimeout`.
  server.on('timeout', (socket: Duplex) => {
    const response = responses.get(socket);
    // A request that has not come yet has times of its own, and a response that is still made takes its time.
    if (response?.writableFinished === true || socket.writableLength > 0) socket.destroy();
  });
  // An expectation that is not known is ignored: Node would respond without a problem document.
  server.on('checkExpectation', (req, res) => server.emit('request', req, res));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // The rest of what is not HTTP is not HTTP either.
    if (answered.has(socket)) return;
    const refusal = refusalOf(error);
    if (refusal === undefined) {
      socket.destroy(error);
      return;
    }
    answered.add(socket);
    metrics.refusedConnection(refusal.reason);
    warn(refusal.reason, { code: error.code }, 'a connection was refused: it brought no valid request');
    const response = responses.get(socket);
    const isResponding = response !== undefined && response.headersSent && !response.writableEnded;
    if (!socket.writable || isResponding) {
      socket.destroy(error);
      return;
    }
    socket.end(asHttp(refusal));
    setTimeout(() => socket.destroy(), READ_MS).unref();
  });
}

/** Undefined: the connection broke, and nobody is there to be told. */
function refusalOf({ code = '' }: NodeJS.ErrnoException): Refusal | undefined {
  return REFUSALS[code] ?? (code.startsWith('HPE_') ? MALFORMED : undefined);
}

function asHttp({ code, detail }: Refusal): string {
  const requestId = newId();
  const { status, body } = problemResponse(problem(code, detail), requestId);
  const text = JSON.stringify(body);
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'content-type: application/problem+json; charset=utf-8',
    `content-length: ${Buffer.byteLength(text)}`,
    'x-content-type-options: nosniff',
    `x-request-id: ${requestId}`,
    'connection: close',
    '',
    text,
  ].join('\r\n');
}
