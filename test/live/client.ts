import type { IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { WebSocket, type RawData } from 'ws';
import type { TestApi } from '../api/support';
import { ADMIN_KEY } from '../support/access-keys';
import { waitFor } from '../support/wait';

/** What a server says, with the members that tests read. */
export interface Said {
  type: string;
  topic?: string;
  position?: number | null;
  event?: string;
  data?: Record<string, unknown>;
  code?: string;
  reason?: string;
  newest?: number;
}

export interface SocketOptions {
  /** Null: none. That of an admin unless given. */
  key?: string | null;
  headers?: Record<string, string>;
  protocols?: string[];
  path?: string;
}

/** A WebSocket to an API, with everything that it was told. */
export interface Client {
  socket: WebSocket;
  said: Said[];
  /** With which code it was closed. */
  closed: Promise<number>;
  send(message: unknown): void;
  follow(topic: string, after?: number): void;
  /** Messages about a topic so far. */
  of(topic: string): Said[];
  /** Waits until something was said that fits. */
  hears(fits: (said: Said) => boolean): Promise<Said>;
  leave(): Promise<void>;
}

function open({ api }: Pick<TestApi, 'api'>, options: SocketOptions): WebSocket {
  const { key = ADMIN_KEY, headers = {}, protocols = [], path = '/api/v1/ws' } = options;
  return new WebSocket(`${api.url.replace('http', 'ws')}${path}`, protocols, {
    headers: { ...(key === null ? {} : { 'x-api-key': key }), ...headers },
  });
}

/** The response to a request for a WebSocket that is refused. */
export interface Refusal {
  status?: number;
  code?: string;
}

/** A connection, or why there is none. */
export async function tryConnect(
  test: Pick<TestApi, 'api'>,
  options: SocketOptions = {},
): Promise<Client | Refusal> {
  const socket = open(test, options);
  const said: Said[] = [];
  socket.on('message', (data) => said.push(JSON.parse(textOf(data)) as Said));
  const closed = new Promise<number>((resolve) => {
    socket.once('close', resolve);
  });
  socket.on('error', () => undefined);
  const response = await new Promise<IncomingMessage | null>((resolve) => {
    socket.once('open', () => resolve(null));
    socket.once('unexpected-response', (_request: unknown, given: IncomingMessage) => resolve(given));
  });
  if (response) {
    const { code } = (await json(response)) as { code?: string };
    return { status: response.statusCode, code };
  }
  const send = (message: unknown) => {
    socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  };
  return {
    socket,
    said,
    closed,
    send,
    follow(topic, after) {
      send({ type: 'subscribe', topic, ...(after === undefined ? {} : { after }) });
    },
    of: (topic) => said.filter((one) => one.type === 'message' && one.topic === topic),
    hears: (fits) => waitFor(() => said.find(fits)),
    async leave() {
      socket.close();
      await closed;
    },
  };
}

export async function connect(test: Pick<TestApi, 'api'>, options?: SocketOptions): Promise<Client> {
  const made = await tryConnect(test, options);
  if ('socket' in made) return made;
  throw new Error(`refused: ${JSON.stringify(made)}`);
}

export async function refused(test: Pick<TestApi, 'api'>, options?: SocketOptions): Promise<Refusal> {
  const made = await tryConnect(test, options);
  if ('socket' in made) throw new Error('it was not refused');
  return made;
}

function textOf(data: RawData): string {
  if (Buffer.isBuffer(data)) return data.toString();
  throw new Error('a message is one buffer');
}
