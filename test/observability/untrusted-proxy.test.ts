import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { untrustedProxyWarning } from '../../api/http/untrusted-proxy';
import { recordingLogger } from '../support/recording-logger';

/** What is warned of and counted when two requests that a proxy passes on, and one that it does not, come from loopback. */
async function told(trusted: string | false): Promise<{ messages: string[]; counted: number }> {
  let counted = 0;
  const { log, messages } = recordingLogger();
  const app = express();
  app.set('trust proxy', trusted);
  app.use(untrustedProxyWarning(log, () => (counted += 1)));
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
  return { messages, counted };
}

test('a proxy that is not trusted is told of once and counted each time, and one that is not at all', async () => {
  expect(await told(false)).toEqual({
    messages: [expect.stringContaining('TRUSTED_PROXIES') as string],
    counted: 2,
  });
  expect(await told('loopback')).toEqual({ messages: [], counted: 0 });
});
