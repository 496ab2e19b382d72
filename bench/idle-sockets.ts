import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { stackOf } from '../platform/errors';

/** Opened at once: more would overflow the queue of connections that the system has not handed over yet. */
const OPENED_AT_ONCE = 100;
const PROBES = 20;

/**
 * Opens idle connections, a third of them with a request line that never ends and a third with a body that never comes, and measures how
 * long others wait meanwhile. Prints one line of JSON.
 */
async function main([given = 'http://127.0.0.1:8080', count = '10000']: readonly string[]): Promise<void> {
  const url = new URL(given);
  const sockets: Socket[] = [];
  let refused = 0;
  for (let opened = 0; opened < Number(count); opened += OPENED_AT_ONCE)
    await Promise.all(
      Array.from({ length: Math.min(OPENED_AT_ONCE, Number(count) - opened) }, async (_, n) => {
        const socket = connect(Number(url.port), url.hostname);
        socket.on('error', () => undefined);
        socket.once('close', () => (refused += 1));
        sockets.push(socket);
        await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => undefined);
        socket.write(started(n % 3, url.host));
      }),
    );
  const open = sockets.filter((socket) => !socket.destroyed).length;
  const waits: number[] = [];
  for (let n = 0; n < PROBES; n++) {
    const began = performance.now();
    const response = await fetch(new URL('/api/v1/warehouses', url));
    await response.text();
    if (!response.ok) throw new Error(`a request beside them got ${response.status}`);
    waits.push(performance.now() - began);
    await pause(50);
  }
  waits.sort((a, b) => a - b);
  process.stdout.write(
    `${JSON.stringify({ sockets: Number(count), open, closed: refused, medianMs: waits[PROBES / 2], slowestMs: waits.at(-1) })}\n`,
  );
  for (const socket of sockets) socket.destroy();
}

function started(kind: number, host: string): string {
  if (kind === 0) return '';
  const line = kind === 1 ? 'GET /api/v1/orders HTTP/1.1' : 'POST /api/v1/orders HTTP/1.1';
  const head = `${line}\r\nhost: ${host}\r\n`;
  return kind === 1 ? head : `${head}content-type: application/json\r\ncontent-length: 1000\r\n\r\n{`;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${stackOf(error)}\n`);
  process.exitCode = 1;
});
