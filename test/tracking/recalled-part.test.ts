import { recordStatements } from '../../bench/explain/recorder';
import { selectBeingStopped } from '../../domain/ordering/promised/queries';
import { settlePromised } from '../../domain/ordering/promised/settle-promised';
import { findStockKey } from '../../domain/stock/ledger/stock-ledger';
import { openReservationShop, type ReservationShop } from '../db/reservation-shop';
import { levelsOf } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { blockingLots, lot } from './blocking-lots';
import { deliver } from './support';

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { lotted, hold, paid, book } = blockingLots(() => shop);

/** A product of which all units are promised, and only `bad` of them are to be put on hold. */
async function partlyBad({ bad, good }: { bad: number; good: number }): Promise<string> {
  const sku = await lotted();
  await deliver(shop.db, [
    { sku, quantity: bad, lot: lot('BAD', 10) },
    { sku, quantity: good, lot: lot('GOOD', 20) },
  ]);
  return sku;
}

test('of many reservations as many give up their units as are on hold, and what is being stopped is not counted for each', async () => {
  const sku = await partlyBad({ bad: 220, good: 60 });
  for (let n = 0; n < 280; n++) await shop.reserve({ [sku]: 1 });
  await hold(sku, 'BAD', 220);
  const key = await findStockKey(shop.db, { sku, location: 'AMS' });
  const begun = performance.now();
  const statements = await recordStatements(shop.db, (db) => settlePromised(db, key));
  const seconds = (performance.now() - begun) / 1_000;
  const sent = (name: string) => statements.filter((statement) => statement.name === name).length;
  // Before all, and in each of two transactions: near the end what is being stopped is counted in each.
  expect(sent('promised.awaited')).toBe(3);
  expect(sent('promised.being_stopped')).toBeLessThanOrEqual(3 + seconds);
  expect(sent('promised.being_stopped')).toBeGreaterThanOrEqual(2);

  // The recording was rolled back.
  expect((await levelsOf(shop.db, sku))['AMS']).toEqual([280, 280]);
  expect(await settlePromised(shop.db, key)).toBe(true);
  const kept = await shop.db.pool.query(
    `select count(*)::int as lines from reservation_lines l join reservations r on r.id = l.reservation_id
     where l.product_id = $1 and r.kind = 'hold' and l.open_quantity = 1`,
    [key.productId],
  );
  expect(kept.rows).toEqual([{ lines: 60 }]);
});

test('of many booked parcels as many are stopped as there are units on hold', async () => {
  const sku = await partlyBad({ bad: 130, good: 25 });
  for (let n = 0; n < 155; n++) await book(await paid(sku, 1));
  await hold(sku, 'BAD', 130);
  const key = await findStockKey(shop.db, { sku, location: 'AMS' });
  expect(await settlePromised(shop.db, key)).toBe(true);
  // Again, nothing more is stopped.
  expect(await settlePromised(shop.db, key)).toBe(true);
  const parcels = await shop.db.pool.query(
    `select s.status, count(*)::int as parcels from shipments s join shipment_items i on i.shipment_id = s.id
     where i.product_id = $1 group by 1 order by 1`,
    [key.productId],
  );
  expect(parcels.rows).toEqual([
    { status: 'booked', parcels: 25 },
    { status: 'voiding', parcels: 130 },
  ]);
});

test('parcels that are being stopped are found by an index of these', async () => {
  const key = await findStockKey(shop.db, { sku: await lotted(), location: 'AMS' });
  const [statement] = await recordStatements(shop.db, (db) => selectBeingStopped(db, key));
  await shop.db.transaction(async (tx) => {
    await tx.query({ name: 'no_scans', text: `select set_config('enable_seqscan', 'off', true)` });
    const { rows } = await tx.query({
      name: '',
      text: `explain ${statement!.text}`,
      values: statement!.values,
    });
    expect(rows.map((row) => String(row['QUERY PLAN'])).join('\n')).toContain('shipments_being_stopped');
  });
});
