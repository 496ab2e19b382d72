import { newId } from '../../platform/ids';
import type { Reply } from '../api/support';
import { expectNothingDoubled, untilAtRest } from '../faults/assertions';
import { harnessOf, type Harness } from '../faults/harness';
import { addStock } from '../support/fixtures';
import { retryUntilFinal, type RetryCounts } from '../support/retry-until-final';
import { expectAtRest, expectInvariants } from '../support/invariants';
import { seededRandom } from '../support/random';
import { startStack, type Stack } from '../support/stack';

let stack: Stack;
let harness: Harness;

async function open(settings: Parameters<typeof startStack>[0] = {}): Promise<void> {
  stack = await startStack({ api: true, ...settings });
  harness = harnessOf(stack);
}
afterEach(() => stack.stop());

/** With a key of its own. */
function place(body: unknown, retries: RetryCounts): Promise<Reply> {
  const headers = { 'idempotency-key': newId() };
  return retryUntilFinal(() => harness.call('POST', '/orders', { body, headers }), retries);
}

function countBy(replies: readonly Reply[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of replies) {
    const outcome = body.code ? `${status} ${body.code}` : String(status);
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

async function unitsOf(sku: string): Promise<{ onHand: number; reserved: number }> {
  const { onHand, reserved } = (await harness.call('GET', `/inventory/${sku}`)).body;
  return { onHand, reserved };
}

test('of 500 orders at once for 100 units in three warehouses exactly 100 are held and 400 refused', async () => {
  await open();
  await addStock(stack.db, 'LAMP', 'AMS', 40);
  await addStock(stack.db, 'LAMP', 'BER', 35);
  await addStock(stack.db, 'LAMP', 'NYC', 25);
  const retries: RetryCounts = {};
  const body = { customerId: 'c-1', items: [{ sku: 'LAMP', quantity: 1 }] };
  const begun = performance.now();
  const replies = await Promise.all(Array.from({ length: 500 }, () => place(body, retries)));
  const seconds = (performance.now() - begun) / 1_000;
  process.stdout.write(
    `500 orders for 100 units: ${seconds.toFixed(1)} s, retried ${JSON.stringify(retries)}\n`,
  );

  expect(countBy(replies)).toEqual({ '201': 100, '409 OUT_OF_STOCK': 400 });
  expect(await unitsOf('LAMP')).toEqual({ onHand: 100, reserved: 100 });
  await expectInvariants(stack.db);

  const held = replies.filter((reply) => reply.status === 201);
  expect(new Set(held.map((reply) => reply.body.id)).size).toBe(100);
  const cancelled = await Promise.all(
    held.map(({ body: { id } }) =>
      retryUntilFinal(() => harness.call('PUT', `/orders/${id}/cancel`, { body: {} })),
    ),
  );
  expect(countBy(cancelled)).toEqual({ '200': 100 });
  expect(await unitsOf('LAMP')).toEqual({ onHand: 100, reserved: 0 });
  await untilAtRest(harness);
  await expectAtRest(stack.db);
}, 1_800_000);

test('of 500 orders at once over 100 SKUs, some scarce, every one ends and none is lost or doubled', async () => {
  // Far less room than there are orders: most are turned away at first.
  await open({ settings: { ADMISSION_LIMIT: 32, ADMISSION_QUEUE: 100 } });
  const random = seededRandom();
  const skus = Array.from({ length: 100 }, (_, n) => `SKU-${n}`);
  for (const [n, sku] of skus.entries()) {
    const isScarce = n % 8 === 0;
    await addStock(stack.db, sku, 'AMS', isScarce ? 2 : 20);
    await addStock(stack.db, sku, 'BER', isScarce ? 1 : 20);
  }
  const retries: RetryCounts = {};
  const begun = performance.now();
  const replies = await Promise.all(
    Array.from({ length: 500 }, (_, n) => {
      const first = skus[n % skus.length] ?? '';
      const second = skus[random.whole(0, skus.length - 1)] ?? '';
      const items = random.chance(0.3) ? [first, second] : [first];
      return place(
        {
          customerId: `c-${n}`,
          items: items.map((sku) => ({ sku, quantity: random.whole(1, 2) })),
          ...(random.chance(0.8) ? { payment: { method: 'card', token: 'tok_ok' } } : { holdSeconds: 5 }),
        },
        retries,
      );
    }),
  );
  const answered = (performance.now() - begun) / 1_000;
  await untilAtRest(harness);
  const ended = (performance.now() - begun) / 1_000;
  const outcomes = countBy(replies);
  process.stdout.write(
    `500 orders (seed ${random.seed}): answered in ${answered.toFixed(1)} s, at rest after ${ended.toFixed(1)} s, ` +
      `${JSON.stringify(outcomes)}, retried ${JSON.stringify(retries)}\n`,
  );

  expect(Object.keys(outcomes).sort()).toEqual(['201', '409 OUT_OF_STOCK']);
  expect(retries['503 OVERLOADED']).toBeGreaterThan(0);
  const held = replies.filter((reply) => reply.status === 201).map((reply) => reply.body.id);
  expect(new Set(held).size).toBe(held.length);
  const stored = await stack.db.pool.query<{ id: string }>(
    `select id from orders where status <> 'rejected'`,
  );
  expect(stored.rows.map((row) => row.id).sort()).toEqual([...held].sort());
  const ends = await stack.db.pool.query(`select distinct status from orders order by status`);
  expect(ends.rows.map((row: { status: string }) => row.status)).toEqual(
    expect.arrayContaining(['expired', 'fulfilled']),
  );
  const holds = await stack.db.pool.query('select id from reservations');
  expect(holds.rowCount).toBe(held.length);
  await expectAtRest(stack.db);
  await expectNothingDoubled(harness);
}, 1_800_000);
