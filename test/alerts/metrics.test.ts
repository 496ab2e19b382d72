import { createMetricsReader } from '../../domain/stock/metrics/metrics';
import { raiseAlerts, raiseTampered } from '../../domain/stock/alerts/alerts';
import { forgetFailures, recordFailure } from '../../domain/stock/alerts/failed-work';
import { newId } from '../../platform/ids';
import { openTestApi, type TestApi } from '../api/support';
import { addPaidOrder, addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';

let test: TestApi;

beforeAll(async () => {
  test = await openTestApi();
  await addStock(test.db, 'LAMP', 'AMS', 10);
  await addStock(test.db, 'LAMP', 'LON', 5);
  await addStock(test.db, 'DESK', 'AMS', 3);
});
afterEach(() => expectInvariants(test.db));
afterAll(() => test.close());

interface Health {
  status: string;
  reasons: { code: string; message: string }[];
}
const health = async () => (await test.call('GET', '/inventory/health')).body as unknown as Health;
const reader = () => createMetricsReader({ db: test.db, driftChecks: ['on_hand_ledger'], freshMs: 0 });

it('totals are those of all stock, reservations and alerts', async () => {
  await addPaidOrder(test.db, [{ sku: 'LAMP', warehouse: 'AMS', quantity: 4 }]);
  await test.call('POST', '/inventory/DESK/adjust', { body: { location: 'AMS', setTo: 0, reason: 'gone' } });
  await test.call('PUT', '/inventory/LAMP/thresholds', {
    body: { location: 'LON', lowStock: 5, overstock: null },
  });
  const { asOf, ...totals } = await reader().read();
  expect(asOf).toMatch(/\.\d{6}Z$/);
  expect(Math.abs(Date.parse(asOf) - Date.now())).toBeLessThan(60_000);
  expect(totals).toEqual({
    products: 2,
    locations: 2,
    places: 3,
    units: { onHand: 15, reserved: 4, available: 11, inTransit: 0, short: 0 },
    holds: { open: 0, units: 0 },
    stock: { low: 1, out: 1, overstock: 0 },
    alerts: { open: 2, acknowledged: 0 },
    ledgerDrift: null,
  });
  const reply = await test.call('GET', '/inventory/metrics');
  expect(reply).toMatchObject({ status: 200, body: { places: 3 } });
});

it('figures are returned at once and counted anew after the response, once for all who ask', async () => {
  const metrics = reader();
  const first = await metrics.read();
  await addStock(test.db, 'SEAT', 'AMS', 7);
  await waitFor(async () => (await metrics.read()).places === first.places + 1);
  const [a, b] = await Promise.all(
    [reader(), reader()].map((fresh) => Promise.all([fresh.read(), fresh.read()])),
  );
  expect(a?.[0]).toBe(a?.[1]);
  expect(b?.[0]).toBe(b?.[1]);
});

it('upkeep that keeps up is ok', async () => {
  expect(await health()).toEqual({
    status: 'ok',
    reasons: [],
    outboxSeconds: 0,
    overdueHolds: 0,
    partitionsAhead: 12,
    driftAlerts: 0,
    tamperAlerts: 0,
    unsealedSeconds: expect.any(Number) as number,
    failedWork: 0,
    attention: 0,
  });
});

it('work that failed on one subject is named as such, and not as upkeep that stands still', async () => {
  const run = (text: string) => test.db.pool.query(text);
  await run(
    `insert into outbox (topic, key, created_at) values ('order.wake', 'x', now() - interval '10 minutes')`,
  );
  const found = await run(
    `insert into reservations (id, kind, status, expires_at)
     values (gen_random_uuid(), 'hold', 'pending', now() - interval '5 minutes') returning id`,
  );
  const { id } = found.rows[0] as { id: string };
  const error = new Error('damaged');
  await recordFailure(test.db, { work: 'expire_reservation', subject: id, error });
  await recordFailure(test.db, { work: 'deliver_message', subject: 'order.wake x', error });
  // One that a carrier has put off once is nothing to look at.
  await recordFailure(test.db, { work: 'book_later', subject: id, error, alertFrom: 5 });
  expect(await health()).toMatchObject({
    status: 'degraded',
    reasons: [{ code: 'WORK_FAILED', message: expect.stringContaining('2 subjects') as string }],
    outboxSeconds: 0,
    overdueHolds: 0,
    failedWork: 2,
    attention: 0,
  });
  await run(`delete from outbox; delete from reservations where kind = 'hold'`);
  await forgetFailures(test.db, ['expire_reservation', 'book_later'], [id]);
  await forgetFailures(test.db, 'deliver_message', ['order.wake x']);
});

it('each thing that is behind is named', async () => {
  const run = (text: string) => test.db.pool.query(text);
  await run(
    `insert into outbox (topic, key, created_at) values ('order.wake', 'x', now() - interval '10 minutes')`,
  );
  await run(
    `insert into reservations (id, kind, status, expires_at) values (gen_random_uuid(), 'hold', 'pending', now() - interval '5 minutes')`,
  );
  await test.db.transaction((tx) =>
    raiseAlerts(tx, 'ledger_drift', [{ productId: 1, warehouseId: 1, details: {} }]),
  );
  await test.db.transaction((tx) =>
    raiseTampered(tx, 'ledger', { jobId: newId(), findings: 1, first: ['seal 1'] }),
  );
  await run(
    `insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     values (now() - interval '11 minutes', 1, 1, 'adjust', 0, 0, gen_random_uuid())`,
  );
  const found = await run('select partition::text as name from ledger_partitions where lower_bound > now()');
  for (const { name } of found.rows as { name: string }[]) await run(`drop table ${name}`);
  const { status, reasons } = await health();
  expect(status).toBe('degraded');
  expect(reasons.map((reason) => reason.code)).toEqual([
    'OUTBOX_BEHIND',
    'HOLDS_OVERDUE',
    'PARTITIONS_MISSING',
    'LEDGER_DRIFT',
    'LEDGER_TAMPERED',
    'SEALS_BEHIND',
  ]);
  await run(`update reservations set status = 'expired' where kind = 'hold'`);
});
