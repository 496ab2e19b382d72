import { Agent, request as httpRequest } from 'node:http';
import { openBarriers } from '../faults/barrier';
import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { openTestApi, type Reply, type TestApi } from './support';
import { AS_ADMIN } from '../support/access-keys';

const OVERLOADED = '503 OVERLOADED with Retry-After';

let test: TestApi;
afterEach(async () => {
  await expectInvariants(test.db);
  await test.close();
});

async function openSale(queue: number, onHand: number): Promise<string> {
  test = await openTestApi({ env: { RESERVATION_QUEUE: String(queue), DATABASE_POOL_SIZE: '10' } });
  const sku = `SALE-${newId()}`;
  await addStock(test.db, sku, 'AMS', onHand);
  return sku;
}

const reserve = (sku: string, init: { key?: string; signal?: AbortSignal } = {}) =>
  fetch(`${test.api.url}/api/v1/inventory/${sku}/reserve`, {
    method: 'POST',
    body: JSON.stringify({ quantity: 1 }),
    headers: {
      ...AS_ADMIN,
      'content-type': 'application/json',
      ...(init.key === undefined ? {} : { 'idempotency-key': init.key }),
    },
    signal: init.signal,
  });

async function heldUnits(sku: string): Promise<{ holds: number; reserved: number }> {
  const found = await test.db.pool.query<{ holds: number; reserved: number }>(
    `select (select count(*)::int from reservation_lines l where l.product_id = s.product_id) as holds, s.reserved
     from stock s join products p on p.id = s.product_id where p.sku = $1`,
    [sku],
  );
  return found.rows[0]!;
}

async function pendingHolds(): Promise<number> {
  const { text } = await test.call('GET', '//metrics');
  return Number(/^holdfast_reservations_pending\S* (\d+)$/m.exec(text)?.[1]);
}

/** As many connections as are opened at once without waiting for one another. */
const CONNECTIONS = 400;

/** Asks over a connection of this agent's: fetch would open thousands, and give up on some that take 10 s to open. */
function ask(sku: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      `${test.api.url}/api/v1/inventory/${sku}/reserve`,
      { method: 'POST', agent, headers: { ...AS_ADMIN, 'content-type': 'application/json' } },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.once('error', reject).once('end', () => {
          const { status, code } = JSON.parse(text) as Reply['body'];
          const comeAgainIn = response.headers['retry-after'] === undefined ? '' : ' with Retry-After';
          resolve(status === 'pending' ? 'held' : `${status} ${code}${comeAgainIn}`);
        });
      },
    );
    sent.once('error', reject).end('{"quantity":1}');
  });
}

/** Asks so many times, all at once; returns how many were told what. */
async function rush(sku: string, count: number): Promise<Record<string, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const told: Record<string, number> = {};
  const all = await Promise.all(Array.from({ length: count }, () => ask(sku, agent)));
  for (const what of all) told[what] = (told[what] ?? 0) + 1;
  agent.destroy();
  return told;
}

it('a flash sale of 500 units to 3,000 who all ask at once reserves exactly 500, and tells the others why not', async () => {
  const sku = await openSale(200, 500);
  const told: Record<string, number> = {};
  // Who is told to come again does, until nothing is left.
  for (let asking = 3_000; asking > 0;) {
    const round = await rush(sku, asking);
    for (const [what, count] of Object.entries(round)) told[what] = (told[what] ?? 0) + count;
    asking = round[OVERLOADED] ?? 0;
  }
  expect(Object.keys(told).sort()).toEqual(['409 OUT_OF_STOCK', OVERLOADED, 'held']);
  expect([told['held'], told['409 OUT_OF_STOCK']]).toEqual([500, 2_500]);
  expect(await heldUnits(sku)).toEqual({ holds: 500, reserved: 500 });
}, 240_000);

it('a queue with room for all of them refuses none, and none waits for longer than the sale takes', async () => {
  const sku = await openSale(3_000, 500);
  expect(await rush(sku, 1_500)).toEqual({ held: 500, '409 OUT_OF_STOCK': 1_000 });
  expect(await heldUnits(sku)).toEqual({ holds: 500, reserved: 500 });
}, 240_000);

it('a client that leaves before its turn leaves the queue, and reserves nothing', async () => {
  const sku = await openSale(3, 10);
  const barriers = openBarriers(test.url);
  const barrier = await barriers.block(
    'select 1 from stock s join products p on p.id = s.product_id where p.sku = $1 for update of s',
    [sku],
  );
  const first = reserve(sku);
  await barrier.reached();
  const leaving = new AbortController();
  const left = [newId(), undefined].map((key) => reserve(sku, { key, signal: leaving.signal }));
  await waitFor(async () => (await pendingHolds()) === 3);
  const turnedAway = await reserve(sku);
  expect(turnedAway.status).toBe(503);
  leaving.abort();
  for (const each of left) await expect(each).rejects.toMatchObject({ name: 'AbortError' });
  // The API has noticed by the time it answers somebody who came later.
  await test.call('GET', '//health');
  await barriers.releaseAll();
  expect((await first).status).toBe(201);
  await waitFor(async () => (await pendingHolds()) === 0);
  expect(await heldUnits(sku)).toEqual({ holds: 1, reserved: 1 });
});

it('an API that is closed answers those who are queued', async () => {
  const sku = await openSale(100, 10);
  const barriers = openBarriers(test.url);
  const barrier = await barriers.block(
    'select 1 from stock s join products p on p.id = s.product_id where p.sku = $1 for update of s',
    [sku],
  );
  const asked = Array.from({ length: 20 }, () => reserve(sku));
  await barrier.reached();
  await waitFor(async () => (await pendingHolds()) === 20);
  const closing = test.api.close();
  await barriers.releaseAll();
  const statuses = (await Promise.all(asked)).map((response) => response.status);
  expect(statuses.filter((status) => status === 201)).toHaveLength(10);
  expect(statuses.filter((status) => status === 409)).toHaveLength(10);
  await closing;
});
