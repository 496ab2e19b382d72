import { listWaiting } from '../../domain/administration/attention';
import { WAITING_KINDS, type Waiting, type WaitingKind } from '../../domain/administration/attention-types';
import { wordsOf } from '../../domain/administration/attention-words';
import {
  raiseAlerts,
  raiseBrokenPromises,
  raiseTampered,
  resolveAlerts,
  resolveBrokenPromises,
  resolveTampered,
} from '../../domain/stock/alerts/alerts';
import { acknowledgeAlert } from '../../domain/stock/alerts/list';
import { tellOfStoppedReservations } from '../../domain/stock/alerts/stopped-reservations';
import { confirmReservation, releaseReservation } from '../../domain/stock/reservations/change-reservation';
import { markOverdue } from '../../domain/stock/transfers/overdue';
import { enqueue } from '../../platform/database/outbox';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { openReservationShop, type ReservationShop } from './reservation-shop';
import { openOrderShop, type OrderShop } from './support';
import { transferSteps } from './transfer-steps';

let shop: OrderShop;
let holds: ReservationShop;
beforeAll(async () => {
  shop = await openOrderShop();
  holds = await openReservationShop();
});
afterEach(async () => {
  await expectInvariants(shop.db);
  await expectInvariants(holds.db);
});
afterAll(async () => {
  await shop.close();
  await holds.close();
});

async function waiting(kind: WaitingKind, on = shop.db): Promise<Waiting[]> {
  const { items } = await listWaiting(on, { kind, limit: 100 });
  for (const { why, next, actions } of items)
    for (const text of [why, next, ...actions]) expect(text).not.toMatch(/undefined|null|^$| {2}/);
  return items;
}

async function keyOf(sku: string): Promise<{ productId: number; warehouseId: number }> {
  const { rows } = await shop.db.pool.query<{ productId: number; warehouseId: number }>(
    `select p.id as "productId", w.id as "warehouseId" from products p, warehouses w where p.sku = $1 and w.code = 'AMS'`,
    [sku],
  );
  const [row] = rows;
  if (!row) throw new Error(`there is no ${sku} at AMS`);
  return row;
}

test('nothing waits in a shop where all is well; an alert on stock waits for nobody', async () => {
  const sku = await shop.product({ AMS: 1 });
  expect((await listWaiting(shop.db, { limit: 10 })).items).toEqual([]);
  await shop.db.pool.query('update stock set low_stock_threshold = 5 where product_id = $1', [
    (await keyOf(sku)).productId,
  ]);
  expect((await listWaiting(shop.db, { limit: 10 })).items).toEqual([]);
});

test('messages that nobody carries wait as one, until they are carried; those that are due later do not', async () => {
  const { db } = shop;
  await db.transaction((tx) => enqueue(tx, [{ topic: 'shipments.ready', key: '' }]));
  await db.transaction((tx) => enqueue(tx, [{ topic: 'order.wake', key: newId() }], 600));
  expect(await waiting('outbox_behind')).toEqual([]);
  await db.pool.query(
    `update outbox set available_at = available_at - interval '61 seconds', created_at = created_at - interval '61 seconds'
     where topic = 'shipments.ready'`,
  );
  const [behind, ...others] = await waiting('outbox_behind');
  expect(others).toEqual([]);
  expect(behind?.why).toMatch(/^1 messages wait .* shipments.ready/);
  expect(Date.now() - Date.parse(behind?.since ?? '')).toBeGreaterThan(60_000);
  await db.pool.query('delete from outbox');
  expect(await waiting('outbox_behind')).toEqual([]);
});

test('transfers that should have arrived wait until they are received, each named', async () => {
  const steps = transferSteps(shop);
  const sku = await shop.product({ AMS: 5 });
  const { id } = await steps.start(sku, 2);
  await steps.makeLate({ id });
  await markOverdue(shop.db, id);
  const [overdue] = await waiting('transfer_overdue');
  expect(overdue?.actions).toContain(`POST /api/v1/transfers/${id}/receive`);
  await steps.receive({ id });
  expect(await waiting('transfer_overdue')).toEqual([]);
});

test('a reservation that has stopped waits until it is released', async () => {
  const id = await holds.reserve({ [await holds.product({ AMS: 2 })]: 2 });
  await confirmReservation({ db: holds.db, actor: 'service:test' }, id);
  await holds.db.pool.query(
    `update reservations set updated_at = updated_at - interval '31 days' where id = $1`,
    [id],
  );
  await tellOfStoppedReservations(holds.db);
  expect(await waiting('reservation_stopped', holds.db)).toMatchObject([
    { subject: { type: 'reservation', id } },
  ]);
  await releaseReservation(withStock(holds.db), id);
  await tellOfStoppedReservations(holds.db);
  expect(await waiting('reservation_stopped', holds.db)).toEqual([]);
});

test('a ledger that is not as it was sealed waits; who looks after it is named', async () => {
  const { db } = shop;
  const jobId = newId();
  await db.transaction((tx) =>
    raiseTampered(tx, 'ledger', { jobId, findings: 2, first: ['row 1', 'row 2'] }),
  );
  const [one] = await waiting('ledger_tampered');
  expect(one).toMatchObject({ subject: { type: 'ledger', id: 'ledger' }, acknowledgedBy: null });
  expect(one?.actions).toContain(`GET /api/v1/jobs/${jobId}/findings`);
  await acknowledgeAlert(db, { id: one?.alertId ?? '', by: 'user:7', note: null });
  expect(await waiting('ledger_tampered')).toMatchObject([{ acknowledgedBy: 'user:7' }]);
  await db.transaction((tx) => resolveTampered(tx, 'ledger'));
  expect(await waiting('ledger_tampered')).toEqual([]);
});

test('a month that was not summed up waits, with why', async () => {
  const { db } = shop;
  await db.transaction((tx) =>
    raiseTampered(tx, 'ledger_fold', { findings: 1, first: ['2020-01: changed'] }),
  );
  const [one] = await waiting('ledger_tampered');
  expect(one).toMatchObject({
    subject: { type: 'ledger', id: 'ledger_fold' },
    actions: ['holdfast verify --seals'],
  });
  expect(one?.why).toContain('2020-01: changed');
  await db.transaction((tx) => resolveTampered(tx, 'ledger_fold'));
});

test.each(['recall', 'count_short'] as const)(
  'promises that were changed (%s) wait at their place',
  async (kind) => {
    const { db } = shop;
    const sku = await shop.product({ AMS: 5 });
    const key = await keyOf(sku);
    const affected = { orderId: newId(), outcome: 'cut', units: 2 } as const;
    await db.transaction((tx) =>
      raiseBrokenPromises(tx, { kind, ...key, why: 'So it is.', affected: [affected] }),
    );
    expect(await waiting(kind)).toMatchObject([
      {
        subject: { type: 'place', id: `${sku} at AMS` },
        why: `So it is. 1 promises at ${sku} at AMS were changed.`,
      },
    ]);
    // No such hold is open there.
    await resolveBrokenPromises(db);
    expect(await waiting(kind)).toEqual([]);
  },
);

test('lots that expire soon wait at their place', async () => {
  const { db } = shop;
  const sku = await shop.product({ AMS: 5 });
  const key = await keyOf(sku);
  await db.transaction((tx) => raiseAlerts(tx, 'expiry_near', [{ ...key, details: { lots: [], total: 3 } }]));
  expect(await waiting('expiry_near')).toMatchObject([
    { why: `3 lots on sale at ${sku} at AMS expire soon.` },
  ]);
  await db.transaction((tx) => resolveAlerts(tx, 'expiry_near', [key]));
  expect(await waiting('expiry_near')).toEqual([]);
});

test('what another version of the program has raised is told as far as its alert tells', async () => {
  const { db } = shop;
  const orderId = newId();
  await db.pool.query(
    `insert into alerts (kind, order_id, subject, details)
     values ('attention', $1, 'moon_full:1', '{"reason": "moon_full", "why": "The moon is full.", "next": "Wait."}')`,
    [orderId],
  );
  const { items } = await listWaiting(db, { limit: 10 });
  expect(items).toMatchObject([
    { kind: 'moon_full', subject: { type: 'order', id: orderId }, why: 'The moon is full.', next: 'Wait.' },
  ]);
  await db.pool.query(`update alerts set status = 'resolved', resolved_at = clock_timestamp()`);
});

test.each(WAITING_KINDS)('%s says what to do, whatever its details lack', (kind) => {
  const { next, actions } = wordsOf(kind, { subjectId: 'S at A', alertId: newId(), details: {} });
  expect(next).not.toBe('');
  for (const action of actions) expect(action).not.toMatch(/undefined|null/);
});
