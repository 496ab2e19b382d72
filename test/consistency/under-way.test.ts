import { runCheck } from '../../domain/assurance/run-check';
import { finishConsistencyJob } from '../../domain/assurance/job';
import { sealLedger } from '../../domain/assurance/seals/seal';
import { expireReservation } from '../../domain/ordering/expire';
import { cancelUndelivered } from '../../domain/ordering/cancel';
import { orderReservationId } from '../../domain/orders/ids';
import {
  capture,
  fingerprintOf,
  makeDue,
  openOrderShop,
  orderOf,
  PAYMENT,
  receive,
  ship,
  type OrderShop,
} from '../db/support';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { startPrivatePostgres } from '../support/servers';
import { startStack } from '../support/stack';
import { waitFor } from '../support/wait';
import { callApi } from '../api/support';
import { check, OWN_CHECKS, tamper } from './support';

describe('while orders run', () => {
  let shop: OrderShop;
  beforeAll(async () => {
    shop = await openOrderShop();
  });
  afterAll(() => shop.close());
  afterEach(() => expectInvariants(shop.db));

  /** One order from its beginning to one of its ends. */
  async function walk(sku: string, end: number): Promise<boolean> {
    const order = orderOf({ [sku]: 2 }, end === 0 ? { payment: PAYMENT } : { fulfilment: 'backorder' });
    const { outcome } = await shop.place(order);
    if (outcome !== 'reserved') return false;
    const { orderId } = order;
    if (end === 0) {
      await capture(shop.db, orderId);
      await ship(shop.db, orderId, 'AMS', 'delivered');
    } else if (end === 1) {
      await cancelUndelivered(shop.db, orderId);
    } else {
      await makeDue(shop.db, orderId);
      await expireReservation(shop.db, { orderId, reservationId: orderReservationId(orderId, 1) });
    }
    return true;
  }

  test('no check takes what is half done for a defect, whichever way it reads', async () => {
    const sku = await shop.product({ AMS: 1_000, BER: 1_000 });
    let running = true;
    /** Orders that came to each of their ends. */
    const ended = [0, 0, 0];
    const walkers = Array.from({ length: 4 }, async (_, walker) => {
      for (let n = walker; running; n++) if (await walk(sku, n % 3)) ended[n % 3]! += 1;
    });
    const receiver = (async () => {
      while (running) await receive(shop.db, sku, 'AMS', 3);
    })();
    for (let round = 0; round < 3; round++) {
      for (const mode of ['full', 'incremental'] as const) {
        // Grace 0: what ended a moment ago is looked at as well.
        expect(
          (
            await check(
              { db: shop.db },
              mode,
              OWN_CHECKS.filter((id) => id !== 'outbox_stuck'),
              5,
            )
          ).findings,
        ).toEqual([]);
      }
      await sealLedger(shop.db);
    }
    running = false;
    await Promise.all([...walkers, receiver]);
    // It was looked at while there was something to see.
    for (const count of ended) expect(count).toBeGreaterThan(0);
  });

  test('a check and the end of a job that are run again return the first result and change nothing', async () => {
    await tamper(shop.url, 'update stock set reserved = reserved + 1 where on_hand > reserved');
    const { jobId, findings, job } = await check({ db: shop.db });
    expect(findings.length).toBeGreaterThan(0);
    await tamper(
      shop.url,
      'update stock set reserved = reserved - 1 where on_hand >= reserved and reserved > 0',
    );
    const before = await fingerprintOf(shop.db);
    for (const id of OWN_CHECKS) {
      const again = await runCheck({ db: shop.db }, { jobId, check: id, mode: 'full', graceSeconds: 0 });
      const first = (job.result as { checks: { id: string; findings: number }[] }).checks.find(
        (one) => one.id === id,
      );
      expect(again.findings).toBe(first?.findings);
    }
    expect(await finishConsistencyJob(shop.db, { jobId, mode: 'full', cancelled: false })).toEqual(job);
    expect(await fingerprintOf(shop.db)).toEqual(before);
  });
});

test('a PostgreSQL that is restarted in the middle of a job and of sealing changes nothing about their outcome', async () => {
  const server = await startPrivatePostgres();
  const stack = await startStack({ postgres: server, api: true });
  const call = (method: string, path: string, body?: object) =>
    callApi(stack.url.replace('/api/v1', ''), method, path, body ? { body } : {});
  try {
    await addStock(stack.db, 'LAMP', 'AMS', 50);
    await tamper(
      stack.databaseUrl,
      'update stock set reserved = 1',
      'alter table transfers rename to real_transfers',
      'create view transfers as select t.* from pg_sleep(2), real_transfers t',
    );
    const { jobId } = (await call('POST', '/jobs/consistency', { mode: 'full' })).body as unknown as {
      jobId: string;
    };
    await waitFor(async () => {
      const { progress } = (await call('GET', `/jobs/${jobId}`)).body as unknown as { progress: number };
      return progress >= 70;
    });
    await server.restart('immediate');
    const sealing = waitFor(async () => (await sealLedger(stack.db)).rows > 0, 60_000);
    await waitFor(async () => (await call('GET', `/jobs/${jobId}`)).body.status === 'completed', 60_000);
    await sealing;
    expect((await call('GET', `/jobs/${jobId}`)).body).toMatchObject({ result: { findings: 2 } });
    expect((await call('GET', `/jobs/${jobId}/findings`)).body.items).toHaveLength(2);
    const { rows } = await stack.db.pool.query('select row_count from ledger_seals');
    expect(rows).toEqual([{ row_count: 1 }]);
  } finally {
    await stack.stop();
    await server.stop();
  }
});
