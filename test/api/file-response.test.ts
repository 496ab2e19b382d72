import { EventEmitter, once } from 'node:events';
import { request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { sendFile } from '../../api/http/file-response';

let server: Server;
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** The address of a server that sends these pieces, until `signal` is aborted. */
async function serving(pieces: AsyncIterable<string>, signal: AbortSignal): Promise<string> {
  const app = express();
  app.get('/', (_req, res) => sendFile(res, { mediaType: 'text/csv', name: 'f.csv', pieces }, signal));
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on TCP has an address of this shape.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test('what makes a file ends where its client leaves before the first piece is taken', async () => {
  const gone = new AbortController();
  const steps = new EventEmitter();
  const [asked, ended] = [once(steps, 'asked'), once(steps, 'ended')];
  const url = await serving(
    (async function* () {
      try {
        steps.emit('asked');
        await once(gone.signal, 'abort');
        yield 'a';
        yield 'b';
      } finally {
        steps.emit('ended');
      }
    })(),
    gone.signal,
  );
  const client = request(url).on('error', () => undefined);
  client.end();
  await asked;
  gone.abort();
  expect(await ended).toEqual([]);
  client.destroy();
});
