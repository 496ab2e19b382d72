import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Router {
  url: string;
  /** Asks it for its readiness from now on, and sends requests to it while it is ready. */
  add(port: number): void;
  /** Sends it nothing any more. */
  remove(port: number): void;
  /** How many requests each has answered, by port. */
  answered: ReadonlyMap<number, number>;
  /** Requests for which there was no answer. */
  lost: readonly string[];
  close(): Promise<void>;
}

const LOOK_MS = 100;

/**
 * What stands in front of several API processes: it looks at their `/ready` every 100 ms, and sends each request to the next one that was
 * ready when it looked last. It never sends a request twice.
 */
export async function startRouter(): Promise<Router> {
  const ready = new Map<number, boolean>();
  const answered = new Map<number, number>();
  const lost: string[] = [];
  let turn = 0;

  function forward(incoming: IncomingMessage, response: ServerResponse): void {
    const ports = [...ready].flatMap(([port, is]) => (is ? [port] : []));
    const port = ports[turn++ % ports.length];
    const what = `${incoming.method ?? ''} ${incoming.url ?? ''}`;
    const fail = (why: string) => {
      lost.push(`${what}: ${why}`);
      if (response.headersSent) response.destroy();
      else response.writeHead(502).end();
    };
    if (port === undefined) {
      fail('no API is ready');
      return;
    }
    const { method, url: path, headers } = incoming;
    const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (answer) => {
      answered.set(port, (answered.get(port) ?? 0) + 1);
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    sent.once('error', (error) => fail(`${port}: ${error.message}`));
    incoming.pipe(sent);
  }

  async function look(): Promise<void> {
    await Promise.all(
      [...ready.keys()].map(async (port) => {
        const isReady = await fetch(`http://127.0.0.1:${port}/ready`).then(
          ({ ok }) => ok,
          () => false,
        );
        if (ready.has(port)) ready.set(port, isReady);
      }),
    );
  }

  const timer = setInterval(() => void look(), LOOK_MS);
  const server = createServer(forward);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // A server that listens on TCP has an address of this shape.
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${own}`,
    add: (port) => void ready.set(port, false),
    remove: (port) => void ready.delete(port),
    answered,
    lost,
    async close() {
      clearInterval(timer);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
