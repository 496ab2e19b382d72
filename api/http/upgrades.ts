import { ServerResponse, type IncomingMessage, type Server } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { API_BASE } from './paths';

/** The connection of a request that asks to go on as a WebSocket, and what has come after its headers. */
export interface Upgrade {
  socket: Socket;
  head: Buffer;
}

declare module 'node:http' {
  interface IncomingMessage {
    /** Of a request for a WebSocket. */
    webSocketUpgrade?: Upgrade;
  }
}

export const WEB_SOCKET_PATH = `${API_BASE}/ws`;
const PATHS: readonly string[] = [WEB_SOCKET_PATH, '/ws'];

/** The subprotocol of ours. */
export const SUBPROTOCOL = 'holdfast.v1';
const TICKET = 'ticket.';

/** The subprotocols that a request for a WebSocket offers. */
export function offeredProtocols({ headers }: Pick<IncomingMessage, 'headers'>): string[] {
  const given = headers['sec-websocket-protocol'];
  return given === undefined ? [] : given.split(',').map((one) => one.trim());
}

/** The ticket of a request for a WebSocket; undefined: it has none. */
export function ticketOf(req: IncomingMessage): string | undefined {
  if (!req.webSocketUpgrade) return undefined;
  return offeredProtocols(req)
    .find((one) => one.startsWith(TICKET))
    ?.slice(TICKET.length);
}

/**
 * Serves requests with an `Upgrade` header by the listeners of ordinary ones, with all their checks. One for a WebSocket has
 * `webSocketUpgrade`: its response is an ordinary one, after which the connection ends, unless the connection is taken over. Any other
 * upgrade is ignored (RFC 9110, section 7.8): some clients ask for HTTP/2 with each request.
 */
export function serveUpgrades(server: Server): void {
  const responses = new WeakMap<Duplex, ServerResponse>();
  const guarded = new WeakSet<Duplex>();
  server.on('request', (req, res) => responses.set(req.socket, res));
  server.on('upgrade', (req, socket, head) => {
    // Once: a client may ask for another protocol with each request of a connection.
    if (!guarded.has(socket)) socket.on('error', () => socket.destroy());
    guarded.add(socket);
    const before = responses.get(socket);
    // Sent before the response to an earlier request of the connection, to which it belongs until then. Of a server by TCP or TLS there is a `Socket`.
    if ((before && !before.writableFinished) || !(socket instanceof Socket)) socket.destroy();
    else if (isForWebSocket(req)) serveForWebSocket(server, req, { socket, head });
    else serveAsOrdinary(server, req, { socket, head });
  });
}

function isForWebSocket({ method, url = '', headers }: IncomingMessage): boolean {
  const [path = ''] = url.split('?', 1);
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket' && PATHS.includes(path);
}

function serveForWebSocket(server: Server, req: IncomingMessage, upgrade: Upgrade): void {
  req.webSocketUpgrade = upgrade;
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  const { socket } = upgrade;
  res.assignSocket(socket);
  res.once('finish', () => {
    res.detachSocket(socket);
    res.emit('close');
    // Not `end` alone: nobody reads what else the client sends, nor that it has closed its side, and the connection would stay for ever.
    socket.destroySoon();
  });
  server.emit('request', req, res);
}

/** Takes the connection of a request for a WebSocket from its response: what is written from now on is not HTTP. */
export function takeOver(req: IncomingMessage, res: ServerResponse): Upgrade {
  const upgrade = req.webSocketUpgrade;
  if (!upgrade) throw new Error('this is no request for a WebSocket');
  res.detachSocket(upgrade.socket);
  res.statusCode = 101;
  res.emit('close');
  return upgrade;
}

/** Names and values of headers of which Node tells at least; it leaves out what is beyond. */
const TOLD_OF_HEADERS = 2_000;

/** Has the server read the request again, without the header that it is not to follow. */
function serveAsOrdinary(server: Server, req: IncomingMessage, { socket, head }: Upgrade): void {
  // The length of its body is perhaps not among them, and the body would be taken for another request.
  if (req.rawHeaders.length >= TOLD_OF_HEADERS) {
    socket.destroy();
    return;
  }
  const lines = [`${req.method ?? ''} ${req.url ?? ''} HTTP/${req.httpVersion}`];
  for (let at = 0; at < req.rawHeaders.length; at += 2) {
    const [name = '', value = ''] = req.rawHeaders.slice(at, at + 2);
    if (name.toLowerCase() === 'upgrade') continue;
    lines.push(`${name}: ${name.toLowerCase() === 'connection' ? withoutUpgrade(value) : value}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}

function withoutUpgrade(connection: string): string {
  return connection
    .split(',')
    .map((option) => option.trim())
    .filter((option) => option.toLowerCase() !== 'upgrade')
    .join(', ');
}
