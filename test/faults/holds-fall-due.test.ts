import { newId } from '../../platform/ids';
import type { Harness } from './harness';
import { harnessOf } from './harness';
import { openProduct } from './product';
import { retryUntilFinal } from '../support/retry-until-final';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { startPrivatePostgres } from '../support/servers';
import { startStack } from '../support/stack';
import { waitFor } from '../support/wait';

const HOLDS = 300;

/** Holds that fall due one after the other within a few seconds from now. */
async function holdsFallingDue(harness: Harness): Promise<{ sku: string; ids: string[] }> {
  const sku = `SKU-${newId()}`;
  await addStock(harness.db, sku, 'AMS', HOLDS);
  const ids = await Promise.all(
    Array.from({ length: HOLDS }, async () => {
      const reply = await harness.call('POST', `/inventory/${sku}/reserve`, { body: { quantity: 1 } });
      return reply.body.id;
    }),
  );
  await harness.db.pool.query(
    `update reservations r set expires_at = clock_timestamp() + make_interval(secs => 0.5 + d.place * 0.015)
     from unnest($1::uuid[]) with ordinality as d (id, place) where r.id = d.id`,
    [ids],
  );
  return { sku, ids };
}

async function freed(harness: Harness, ids: readonly string[]): Promise<number> {
  const found = await harness.db.pool.query(
    `select 1 from reservations where id = any ($1::uuid[]) and status = 'expired'`,
    [ids],
  );
  return found.rowCount ?? 0;
}

/** Each was freed once: the ledger's own key sees to that, and the counters agree. */
async function expectAllFreed(harness: Harness, { sku, ids }: { sku: string; ids: string[] }): Promise<void> {
  await waitFor(async () => (await freed(harness, ids)) === HOLDS, 90_000);
  const stock = await retryUntilFinal(() => harness.call('GET', `/inventory/${sku}`));
  expect(stock.body).toMatchObject({ onHand: HOLDS, reserved: 0, available: HOLDS });
  await expectInvariants(harness.db);
}

test('a worker killed while holds fall due leaves them to the next, which frees each once', async () => {
  const product = await openProduct();
  try {
    const worker = await product.startWorker();
    const due = await holdsFallingDue(product);
    await waitFor(async () => (await freed(product, due.ids)) > 30);
    await worker.kill();
    expect(await freed(product, due.ids)).toBeLessThan(HOLDS);
    // What nobody frees is still to be had by whoever asks: a shortage takes it back.
    await waitFor(async () => {
      const overdue = await product.db.pool.query(
        `select 1 from reservations where kind = 'hold' and status = 'pending' and expires_at < clock_timestamp()`,
      );
      return (overdue.rowCount ?? 0) > 50;
    });
    const all = { quantity: HOLDS };
    const { status, body } = await product.call('POST', `/inventory/${due.sku}/reserve`, { body: all });
    expect([201, 409]).toContain(status);
    if (status === 201) await product.call('POST', `/reservations/${body.id}/release`);
    await product.startWorker();
    await expectAllFreed(product, due);
  } finally {
    await product.close();
  }
}, 400_000);

test('a PostgreSQL that is restarted while holds fall due frees each once when it is back', async () => {
  const server = await startPrivatePostgres();
  const stack = await startStack({ postgres: server, api: true });
  try {
    const harness = harnessOf(stack);
    for (const mode of ['immediate', 'fast'] as const) {
      const due = await holdsFallingDue(harness);
      await waitFor(async () => (await freed(harness, due.ids)) > 30);
      await server.restart(mode);
      await expectAllFreed(harness, due);
    }
  } finally {
    await stack.stop();
    await server.stop();
  }
}, 400_000);
