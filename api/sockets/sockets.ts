import type { IncomingMessage, ServerResponse } from 'node:http';
import { WebSocketServer } from 'ws';
import type { Principal } from '../../domain/identity/types';
import { createOccasionalLog } from '../http/occasional-log';
import { overloaded, problem } from '../http/problems';
import { offeredProtocols, SUBPROTOCOL, takeOver } from '../http/upgrades';
import { openSession, type Session, type SessionParts } from './session';

/** All WebSockets of this process. */
export interface Sockets {
  /**
   * Goes on with a request as a WebSocket, of somebody who may.
   *
   * @param options.onEnd called once, when the connection has ended
   * @throws AppError `BAD_REQUEST` for what is no handshake (RFC 6455), `OVERLOADED` while the process stops
   */
  accept(
    req: IncomingMessage,
    res: ServerResponse,
    options: { principal: Principal; onEnd: () => void },
  ): void;
}

/** Of one message; the longest that there is has a SKU of 100 characters. */
const MAX_MESSAGE_BYTES = 4_096;
const TICK_MS = 1_000;
/** How long clients have to close once they were told to. */
const CLOSE_MS = 2_000;

/** @param stopping aborted when the process stops: connections are closed with 1001, and cut off after `CLOSE_MS` */
export function createSockets({
  stopping,
  ...given
}: Omit<SessionParts, 'warn'> & { stopping: AbortSignal }): Sockets {
  const parts: SessionParts = { ...given, warn: createOccasionalLog(given.log) };
  const sessions = new Map<Session, () => void>();
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_MESSAGE_BYTES,
    // Compression costs memory for each connection, and lets guess what else a message has.
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  const ticking = setInterval(() => {
    const now = performance.now();
    for (const session of sessions.keys()) session.tick(now);
  }, TICK_MS).unref();

  stopping.addEventListener('abort', () => {
    clearInterval(ticking);
    for (const session of sessions.keys()) session.stop();
    setTimeout(() => {
      for (const cut of sessions.values()) cut();
    }, CLOSE_MS).unref();
  });

  return {
    accept(req, res, { principal, onEnd }) {
      expectHandshake(req);
      if (stopping.aborted) throw overloaded('The process stops.', 1);
      const { socket, head } = takeOver(req, res);
      // Gone while it was looked up who asks: nobody tells of it again.
      if (socket.destroyed) {
        onEnd();
        return;
      }
      socket.once('close', onEnd);
      server.handleUpgrade(req, socket, head, (webSocket) => {
        const session = openSession(parts, { socket: webSocket, principal });
        sessions.set(session, () => {
          webSocket.terminate();
        });
        webSocket.once('close', () => sessions.delete(session));
      });
    },
  };
}

/** 16 bytes, base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;
const VERSION = '13';

function expectHandshake(req: IncomingMessage): void {
  const { 'sec-websocket-key': key = '', 'sec-websocket-version': version } = req.headers;
  if (version !== VERSION || !KEY.test(key))
    throw problem('BAD_REQUEST', `This is no handshake of a WebSocket of version ${VERSION}.`);
  const offered = offeredProtocols(req);
  if (offered.length > 0 && !offered.includes(SUBPROTOCOL))
    throw problem('BAD_REQUEST', `Offer the subprotocol ${SUBPROTOCOL}, or none.`);
}
