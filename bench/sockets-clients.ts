import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket, type RawData } from 'ws';

/** Input of the process that has the sockets. */
export interface ClientsOrder {
  /** ws://… of the API. */
  url: string;
  headers: Readonly<Record<string, string>>;
  /** Of each socket the topic that it follows. */
  topics: readonly string[];
}

/** What it has been told since it was asked last. */
export interface ClientsReport {
  /** From the change until the client had it, milliseconds. */
  latenciesMs: number[];
  /** Sockets that missed a number, or got one twice. */
  faults: number;
  closed: number;
}

/** Sockets whose handshake is under way at once. */
const AT_ONCE = 50;

process.once('message', (order: ClientsOrder) => {
  void openAll(order).then(() => process.send?.('open'));
});
process.once('disconnect', () => process.exit());

let latenciesMs: number[] = [];
let faults = 0;
let closed = 0;
process.on('message', (message) => {
  if (message !== 'report') return;
  const report: ClientsReport = { latenciesMs, faults, closed };
  latenciesMs = [];
  process.send?.(report);
});

async function openAll({ url, headers, topics }: ClientsOrder): Promise<void> {
  const left = [...topics];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let topic = left.pop(); topic !== undefined; topic = left.pop()) await open(url, headers, topic);
    }),
  );
}

interface Told {
  type: string;
  position: number;
  data: { data: { sentAt: number } };
}

async function open(url: string, headers: ClientsOrder['headers'], topic: string): Promise<void> {
  const socket = new WebSocket(url, { headers, perMessageDeflate: false });
  let last: number | undefined;
  let isSubscribed = false;
  socket.on('message', (data) => {
    const now = Date.now();
    // Messages of the benchmark's own API.
    const told = JSON.parse(textOf(data)) as Told;
    if (told.type === 'subscribed') isSubscribed = true;
    if (told.type !== 'message') return;
    if (last !== undefined && told.position !== last + 1) faults += 1;
    last = told.position;
    latenciesMs.push(now - told.data.data.sentAt);
  });
  socket.on('close', () => (closed += 1));
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'subscribe', topic }));
  while (!isSubscribed) await delay(5);
}

function textOf(data: RawData): string {
  if (Buffer.isBuffer(data)) return data.toString();
  throw new Error('a message is one buffer');
}
