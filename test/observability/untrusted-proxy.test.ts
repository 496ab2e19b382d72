import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { untrustedProxyWarning } from '../../api/http/untrusted-proxy';
import { recordingLogger } from '../support/recording-logger';

/** What is warned of when two requests that a proxy passes on, and one that it does not, come from loopback. */
async function warnings(trusted: string | false): Promise<string[]> {
  const { log, messages } = recordingLogger();
  const app = express();
  app.set('trust proxy', trusted);
  app.use(untrustedProxyWarning(log));
  app.use((_req, res) => void res.end());
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on TCP has an address of this shape.
  const { port } = server.address() as AddressInfo;
  await (await fetch(`http://127.0.0.1:${port}/`)).text();
  for (const client of ['192.0.2.1', '192.0.2.2'])
    await (await fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-forwarded-for': client } })).text();
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
  return messages;
}

test('a proxy that is not trusted is told of once, and one that is not at all', async () => {
  expect(await warnings(false)).toEqual([expect.stringContaining('TRUSTED_PROXIES') as string]);
  expect(await warnings('loopback')).toEqual([]);
});
