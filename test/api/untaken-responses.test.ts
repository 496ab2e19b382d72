import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { guardConnections } from '../../api/http/connections';
import { createLogger } from '../../platform/telemetry/log';

const UNTAKEN_MS = 200;
/** More than the system keeps on its way between two sockets of one machine. */
const LARGE = Buffer.alloc(64 * 1024 * 1024);

let server: Server;
let client: Socket;
afterEach(async () => {
  client.destroy();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** A connection of a server that responds so, which reads nothing by itself. */
async function open(respond: RequestListener, keepAliveTimeout = 60_000): Promise<Socket> {
  server = createServer({ keepAliveTimeout }, respond);
  guardConnections(server, {
    maxConnections: 10,
    untakenMs: UNTAKEN_MS,
    log: createLogger('silent'),
    metrics: { refusedConnection: () => undefined },
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on TCP has an address of this shape.
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined);
  client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  return client;
}

test('a response of which the client takes nothing keeps neither its connection nor what was written', async () => {
  await open((_req, res) => res.end(LARGE));
  const [request] = (await once(server, 'request')) as [IncomingMessage];
  await once(request.socket, 'close');
  let bytes = 0;
  client.on('data', (some: Buffer) => (bytes += some.length));
  await once(client, 'close');
  expect(bytes).toBeLessThan(LARGE.length);
});

test('a stream whose client has stopped reading ends', async () => {
  await open((_req, res) => {
    const more = () => {
      while (res.write(LARGE.subarray(0, 65_536)));
    };
    res.on('drain', more);
    more();
  });
  const [request] = (await once(server, 'request')) as [IncomingMessage];
  await once(request.socket, 'close');
  expect(request.socket.destroyed).toBe(true);
});

test('a response that is long in the making is waited for', async () => {
  const socket = await open((_req, res) => {
    void pause(5 * UNTAKEN_MS).then(() => res.end('made'));
  });
  let text = '';
  socket.setEncoding('utf8').on('data', (some: string) => (text += some));
  while (!text.includes('made')) await once(socket, 'data');
  expect(text).toMatch(/^HTTP\/1.1 200 /);
});

test('a connection is kept between two requests for as long as it is to be', async () => {
  const socket = await open((_req, res) => res.end('made'), 100);
  let text = '';
  socket.setEncoding('utf8').on('data', (some: string) => (text += some));
  await once(socket, 'close');
  expect(text).toMatch(/made/);
});
