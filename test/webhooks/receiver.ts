import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { AddressesOf } from '../../integrations/webhook-sender/names';

const tls = (name: string) => readFileSync(join(__dirname, '../cli/tls', name), 'utf8');

/** What receivers' certificates are signed with. */
export const RECEIVER_CA = tls('ca.pem');
/** The name that they are for. */
const NAME = 'temporal.test';

/** A name server that knows each name by one address of the loopback network, and others by those that are given. */
export function namesOf(others: Readonly<Record<string, readonly string[]>> = {}): AddressesOf {
  return (name) => Promise.resolve(others[name] ?? ['127.0.0.1']);
}

export interface Received {
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export type Answering = (res: ServerResponse, received: Received) => void;

/** A real receiver: HTTPS on a port of its own. */
export interface Receiver {
  url: string;
  received: Received[];
  answer: Answering;
  close(): Promise<void>;
}

export const ok: Answering = (res) => res.writeHead(204).end();

export async function startReceiver(answer: Answering = ok): Promise<Receiver> {
  const server = createServer({ key: tls('server.key.pem'), cert: tls('server.pem') }, (req, res) => {
    void text(req).then((body) => {
      const received = { path: req.url ?? '', headers: req.headers, body };
      receiver.received.push(received);
      receiver.answer(res, received);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = {
    url: `https://${NAME}:${port}/hook`,
    received: [],
    answer,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
  return receiver;
}
