import { openBarriers } from '../faults/barrier';
import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { gatewayBooks } from './gateway';
import { place } from './order';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ slowMs: 1_500 });
  await addStock(stack.db, 'LAMP', 'AMS', 100);
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

test('a worker that drains in the middle of sagas, and the next one, lose nothing and repeat nothing', async () => {
  const unpaid = await place(stack, { items: { LAMP: 1 } });
  const expiring = await place(stack, { items: { LAMP: 1 }, holdSeconds: 1 });
  const charging = await place(stack, { items: { LAMP: 1 }, token: 'tok_slow', holdSeconds: 1 });
  const many = await Promise.all(
    Array.from({ length: 10 }, () => place(stack, { items: { LAMP: 1 }, token: 'tok_ok' })),
  );
  await unpaid.until('reserved');
  await charging.until(({ payments }) => payments.length === 1);
  await stack.stopWorker();
  const placedMeanwhile = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  await stack.startWorker();

  expect(await unpaid.pay('tok_ok')).toMatchObject({ outcome: 'captured' });
  expect(await unpaid.handle.result()).toEqual({ status: 'fulfilled' });
  expect(await charging.closed('worker-drained')).toEqual({ status: 'fulfilled' });
  expect(await expiring.handle.result()).toEqual({ status: 'expired' });
  for (const order of [...many, placedMeanwhile]) {
    expect(await order.handle.result()).toEqual({ status: 'fulfilled' });
    expect(await gatewayBooks(stack, order)).toEqual([{ status: 'captured', calls: 1 }]);
  }
  expect(await gatewayBooks(stack, charging)).toEqual([{ status: 'captured', calls: 1 }]);
});

test('a drain ends although a step does not: everything else is closed, and the next worker goes on', async () => {
  const slow = await startStack({ settings: { SHUTDOWN_GRACE_SECONDS: 1 }, worker: false });
  try {
    const barriers = openBarriers(slow.databaseUrl);
    const stuck = await slow.startWorker();
    await addStock(slow.db, 'LAMP', 'AMS', 1);
    const barrier = await barriers.blockWrites({ on: 'insert on orders', when: 'true', at: 'once' });
    const order = await place(slow, { items: { LAMP: 1 } });
    await barrier.reached();

    await slow.stopWorker();
    const listening = await slow.db.pool.query(
      `select 1 from pg_stat_activity where query like 'listen holdfast_outbox%' and datname = current_database()`,
    );
    expect(listening.rowCount).toBe(0);

    await barriers.releaseAll();
    await stuck.drain();
    await slow.startWorker();
    await order.until('reserved');
    await order.cancel();
    expect(await order.handle.result()).toEqual({ status: 'cancelled' });
    await expectAtRest(slow.db);
  } finally {
    await slow.stop();
  }
});
