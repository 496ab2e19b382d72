import { placementResult } from '../../api/use-cases/order-responses';
import type { OrderRecord } from '../../domain/ordering/views';
import { createChangeFeed } from '../../api/streams/change-feed';
import { createOrderOutcomes } from '../../api/services/order-outcomes';
import { newId } from '../../platform/ids';
import { openListener, type Listener } from '../../platform/database/listener';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';

let shop: TestShop;
let listener: Listener;

beforeAll(async () => {
  shop = await openTestShop();
  listener = openListener({ url: shop.url, channels: ['holdfast_orders'], log: testLogger() });
  await waitFor(() => listener.connected);
});

afterAll(async () => {
  await listener.close();
  await shop.close();
});

/** A table of outcomes in memory, with notices through PostgreSQL. */
function scene() {
  const rows = new Map<string, string>();
  const reads: (readonly string[])[] = [];
  const outcomes = createOrderOutcomes<string>({
    feed: createChangeFeed(listener, 'holdfast_orders'),
    log: testLogger(),
    read: (orderIds) => {
      reads.push(orderIds);
      return Promise.resolve(new Map([...rows].filter(([orderId]) => orderIds.includes(orderId))));
    },
  });
  return { rows, reads, outcomes };
}

function tell(orderIds: readonly string[]): Promise<unknown> {
  return shop.db.transaction(async (tx) => {
    for (const orderId of orderIds) tx.notice('holdfast_orders', orderId);
    return Promise.resolve();
  });
}

describe('waiting for outcomes', () => {
  it('wakes by the notice, and not by the poll', async () => {
    // No timer fires, so nobody polls.
    const timers = jest.spyOn(globalThis, 'setTimeout').mockReturnValue(setTimeout(() => undefined, 0));
    try {
      const { rows, outcomes } = scene();
      const orderId = newId();
      const expected = outcomes.expect(orderId);
      const waiting = expected.outcome(10_000);
      rows.set(orderId, 'held');
      await tell([orderId]);
      await expect(waiting).resolves.toBe('held');
      expected.release();
      expect(outcomes.waiting).toBe(0);
    } finally {
      timers.mockRestore();
    }
  }, 10_000);

  it('reads many orders with notices at once in few statements', async () => {
    const { rows, reads, outcomes } = scene();
    const orderIds = Array.from({ length: 300 }, () => newId());
    const expected = orderIds.map((orderId) => outcomes.expect(orderId));
    const waiting = Promise.all(expected.map((one) => one.outcome(10_000)));
    for (const orderId of orderIds) rows.set(orderId, orderId);
    await tell(orderIds);
    await expect(waiting).resolves.toEqual(orderIds);
    expect(reads.length).toBeLessThan(6);
    for (const one of expected) one.release();
  });

  it('finds a row without a notice, by polling', async () => {
    const { rows, outcomes } = scene();
    const orderId = newId();
    const expected = outcomes.expect(orderId);
    const waiting = expected.outcome(10_000);
    rows.set(orderId, 'held');
    await expect(waiting).resolves.toBe('held');
    expected.release();
  });

  it('gives the outcome to everybody who waits for the same order', async () => {
    const { rows, outcomes } = scene();
    const orderId = newId();
    const both = [outcomes.expect(orderId), outcomes.expect(orderId)];
    rows.set(orderId, 'held');
    both[0]?.recheck();
    await expect(Promise.all(both.map((one) => one.outcome(10_000)))).resolves.toEqual(['held', 'held']);
    for (const one of both) one.release();
    expect(outcomes.waiting).toBe(0);
  });

  it('returns null when the time is over', async () => {
    const { outcomes } = scene();
    const expected = outcomes.expect(newId());
    await expect(expected.outcome(30)).resolves.toBeNull();
    expected.release();
  });

  it('goes on after reading has failed', async () => {
    const orderId = newId();
    let failures = 2;
    const outcomes = createOrderOutcomes<string>({
      feed: createChangeFeed(listener, 'holdfast_orders'),
      log: testLogger(),
      read: () => {
        if (failures-- > 0) return Promise.reject(new Error('the database is away'));
        return Promise.resolve(new Map([[orderId, 'held']]));
      },
    });
    const expected = outcomes.expect(orderId);
    await expect(expected.outcome(10_000)).resolves.toBe('held');
    expected.release();
  });

  it('wakes everybody when the listening connection is back, since notices were missed', async () => {
    const { rows, outcomes } = scene();
    const orderId = newId();
    const expected = outcomes.expect(orderId);
    const waiting = expected.outcome(10_000);
    await shop.db.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'holdfast-listener'`,
    );
    rows.set(orderId, 'held');
    await expect(waiting).resolves.toBe('held');
    expected.release();
    await waitFor(() => listener.connected);
  });
});

test('refusals for a limit are counted apart from orders that failed', () => {
  const failed = (failureCode: string) =>
    placementResult({
      // Only what is read of a failed order.
      view: { id: newId(), status: 'failed', failureCode } as OrderRecord['view'],
      shortages: [],
      failureDetail: null,
      failureDetails: {},
    }).outcome;
  expect(['BACKORDER_LIMIT', 'UNPAID_LIMIT', 'CARRIER_FAILED'].map(failed)).toEqual([
    'backorder_limit',
    'unpaid_limit',
    'failed',
  ]);
});
