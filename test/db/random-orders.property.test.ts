import fc from 'fast-check';
import { ORDER_TRANSITIONS } from '../../domain/orders/rules';
import type { OrderStatus } from '../../domain/orders/types';
import { expectAtRest, expectInvariants } from '../support/invariants';
import { RandomShop } from './random-shop';
import { step, type Step } from './random-step';
import { openOrderShop, type OrderShop } from './support';

/** Everywhere the table leads from a status. */
function reachable(from: OrderStatus): Set<OrderStatus> {
  const found = new Set([from]);
  for (const status of found) for (const next of ORDER_TRANSITIONS[status]) found.add(next);
  return found;
}

async function statusesIn(shop: OrderShop): Promise<Map<string, OrderStatus>> {
  const found = await shop.db.pool.query<{ id: string; status: OrderStatus }>(
    'select id, status from orders',
  );
  return new Map(found.rows.map((row) => [row.id, row.status]));
}

/** Takes the steps, those of one round at the same moment, and checks everything after each round. */
async function run(rounds: readonly (readonly Step[])[]): Promise<void> {
  const shop = await openOrderShop();
  const skus = [
    await shop.product({ AMS: 3, BER: 2 }),
    await shop.product({ AMS: 1, BER: 1, NYC: 1 }),
    await shop.product({}),
  ];
  const random = new RandomShop(shop, skus);
  try {
    let before = await statusesIn(shop);
    for (const round of rounds) {
      await Promise.all(round.map((taken) => random.take(taken)));
      await expectInvariants(shop.db);
      const after = await statusesIn(shop);
      for (const [id, status] of after) {
        expect(reachable(before.get(id) ?? status)).toContain(status);
      }
      before = after;
    }
    for (const input of random.orders) await random.finish(input);
    // What one order gave back may have gone to another's queue.
    for (const input of random.orders) await random.finish(input);
    await expectAtRest(shop.db);
    // Few goods have left before: now those that customers meant to send back come.
    const returns = rounds.flat().filter((taken) => taken.do === 'return');
    await Promise.all(returns.map((taken) => random.take(taken)));
    await expectInvariants(shop.db);
    for (const input of random.orders) await random.finish(input);
    for (const input of random.orders) await random.finish(input);
    await expectAtRest(shop.db);
  } finally {
    await random.close();
    await shop.close();
  }
}

test('whatever happens to orders, one thing after another, nothing drifts and every order ends', async () => {
  const rounds = fc
    .array(step, { minLength: 5, maxLength: 60 })
    .map((steps) => steps.map((taken) => [taken]));
  await fc.assert(fc.asyncProperty(rounds, run), { numRuns: 12, endOnFailure: true });
});

test('whatever happens to orders, several things at the same moment, nothing drifts and every order ends', async () => {
  const rounds = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 3, maxLength: 15 });
  await fc.assert(fc.asyncProperty(rounds, run), { numRuns: 12, endOnFailure: true });
});
