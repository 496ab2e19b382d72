import { valueProduct } from '../../domain/warehousing/costing/valuation';
import { correctReceipt, reverseReceipt } from '../../domain/warehousing/receiving/change-receipt';
import { correctLotExpiry } from '../../domain/warehousing/quality/blocked-lots';
import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { deliver, inDays, lotsOf, serialsOf, trackedProduct } from '../tracking/support';
import { levelsOf, openOrderShop, type OrderShop } from './support';

// Statements of the version before migration 0031, which it sends while the schema is newer: word for word, but for column aliases.
const INSERT_RECEIPT = `insert into receipts (id, warehouse_id, supplier, supplier_reference, actor) values ($1, $2, $3, $4, $5)
     on conflict (id) do nothing`;
const LOCK_STOCK = `select s.product_id from stock s
     where (s.product_id, s.warehouse_id) in (select * from unnest($1::int[], $2::int[]))
     order by s.product_id, s.warehouse_id
     for no key update`;
const INSERT_LINES = `insert into receipt_lines (receipt_id, line, product_id, quantity, unit_cost_minor, currency, lot_code, expires_on, serials)
     select $1, line, (l ->> 'productId')::int, (l ->> 'quantity')::int, (l ->> 'unitCostMinor')::bigint, l ->> 'currency',
            l ->> 'lotCode', (l ->> 'expiresOn')::date, array(select jsonb_array_elements_text(l -> 'serials'))
     from jsonb_array_elements($2::jsonb) with ordinality as t (l, line)`;
const INSERT_COSTS = `insert into product_costs (product_id, currency) select * from unnest($1::int[], $2::text[]) order by 1
     on conflict do nothing`;
const UPDATE_AVERAGES = `update product_costs c
     set average_minor = (coalesce(c.average_minor, 0) * b.units + a.value) / (b.units + a.quantity)
     from unnest($1::int[], $2::bigint[], $3::numeric[]) as a (product_id, quantity, value),
       lateral (select coalesce(sum(s.on_hand), 0) as on_hand from stock s where s.product_id = a.product_id) h,
       lateral (select case when o.average_minor is null then 0 else h.on_hand end as units
                from product_costs o where o.product_id = a.product_id) b
     where c.product_id = a.product_id`;
const MOVE_LOT = 'select move_lot($1, $2, $3, $4, $5, $6, $7, null, $8)';
const INSERT_SERIALS = `with made as (
       insert into serials (product_id, warehouse_id, serial, status, receipt_id, reference)
       select product_id, warehouse_id, serial, 'in_stock', case when $4 = 'receipt' then $5::uuid end, $6
       from unnest($1::int[], $2::int[], $3::text[]) as s (product_id, warehouse_id, serial)
       returning id, warehouse_id
     )
     insert into serial_movements (serial_id, warehouse_id, kind, effect_id, named)
     select id, warehouse_id, $4, $5, true from made`;
const UPDATE_STOCK = `update stock s
     set on_hand = s.on_hand + d.on_hand, reserved = s.reserved + d.reserved
     from unnest($1::int[], $2::int[], $3::int[], $4::int[]) as d (product_id, warehouse_id, on_hand, reserved)
     where s.product_id = d.product_id and s.warehouse_id = d.warehouse_id`;
const INSERT_ENTRIES = `insert into inventory_transactions
       (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id, order_id, reason, reference, actor)
     select * from unnest($1::int[], $2::int[], $3::text[], $4::int[], $5::int[], $6::uuid[], $7::uuid[], $8::uuid[],
                          $9::text[], $10::text[], $11::text[])`;
const INSERT_TRANSFER = `insert into transfers
       (id, product_id, source_id, target_id, mode, status, quantity, received, reason, reference, actor, expected_at)
     select $1, $2, $3, $4, $5::text, case $5::text when 'immediate' then 'completed' else 'in_transit' end, $6::int,
            case $5::text when 'immediate' then $6::int else 0 end, $7, $8, $9,
            case $5::text when 'in_transit' then coalesce($10::timestamptz, clock_timestamp() + make_interval(secs => $11)) end
     on conflict (id) do nothing`;
const INSERT_RESERVATION = `insert into reservations (id, kind, order_id, seq, status, attempt, expires_at, reference)
     values ($1, 'quality', null, 1, 'confirmed', 0, null, null)`;
const INSERT_HOLD = `insert into quality_holds (id, product_id, warehouse_id, lot_id, quantity, reason, actor)
     values ($1, $2, $3, $4, $5, $6, $7)`;

let shop: OrderShop;
let ams: number;
let ber: number;
beforeAll(async () => {
  shop = await openOrderShop();
  const { rows } = await shop.db.pool.query<{ code: string; id: number }>('select code, id from warehouses');
  const ids = new Map(rows.map(({ code, id }) => [code, id]));
  ams = ids.get('AMS') ?? 0;
  ber = ids.get('BER') ?? 0;
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

type Send = (text: string, values: unknown[]) => Promise<unknown>;

/** A transaction as the version before has it. */
async function before(work: (send: Send) => Promise<void>): Promise<void> {
  const client = await shop.db.pool.connect();
  try {
    await client.query('begin');
    await work((text, values) => client.query(text, values));
    await client.query('commit');
  } finally {
    client.release();
  }
}

async function productId(sku: string): Promise<number> {
  const { rows } = await shop.db.pool.query<{ id: number }>('select id from products where sku = $1', [sku]);
  return rows[0]?.id ?? 0;
}

function entry(send: Send, product: number, kind: string, units: number, effectId: string, warehouse = ams) {
  const row = [
    [product],
    [warehouse],
    [kind],
    [units],
    [0],
    [effectId],
    [null],
    [null],
    [null],
    [null],
    ['x'],
  ];
  return send(INSERT_ENTRIES, row);
}

interface Line {
  quantity: number;
  unitCostMinor?: number;
  lotCode?: string;
  expiresOn?: string;
  serials?: string[];
}

/** A delivery that the version before takes in at AMS; its id. */
async function receive(sku: string, ...lines: Line[]): Promise<string> {
  const [receiptId, product] = [newId(), await productId(sku)];
  const units = lines.reduce((sum, { quantity }) => sum + quantity, 0);
  await before(async (send) => {
    await send(INSERT_RECEIPT, [receiptId, ams, null, receiptId, 'dock']);
    await send('insert into stock (product_id, warehouse_id) values ($1, $2) on conflict do nothing', [
      product,
      ams,
    ]);
    await send(LOCK_STOCK, [[product], [ams]]);
    const written = lines.map((line) => ({
      productId: product,
      unitCostMinor: null,
      lotCode: null,
      expiresOn: null,
      serials: [],
      ...line,
      currency: line.unitCostMinor === undefined ? null : 'USD',
    }));
    await send(INSERT_LINES, [receiptId, JSON.stringify(written)]);
    const costed = lines.filter(({ unitCostMinor }) => unitCostMinor !== undefined);
    if (costed.length > 0) {
      await send(INSERT_COSTS, [[product], ['USD']]);
      const quantity = costed.reduce((sum, line) => sum + line.quantity, 0);
      const value = costed.reduce((sum, line) => sum + line.quantity * (line.unitCostMinor ?? 0), 0);
      await send(UPDATE_AVERAGES, [[product], [quantity], [value]]);
    }
    for (const { lotCode, expiresOn, quantity, serials } of lines) {
      const by = ['receipt', receiptId, receiptId];
      if (lotCode !== undefined)
        await send(MOVE_LOT, [product, ams, lotCode, expiresOn ?? null, quantity, ...by]);
      if (serials)
        await send(INSERT_SERIALS, [serials.map(() => product), serials.map(() => ams), serials, ...by]);
    }
    await send(UPDATE_STOCK, [[product], [ams], [units], [0]]);
    await entry(send, product, 'receipt', units, receiptId);
  });
  return receiptId;
}

const value = async (sku: string, asOf?: string) => {
  const found = await valueProduct(shop.db, sku, { method: 'average', asOf });
  return { worth: found?.valueMinor, uncosted: found?.uncosted, currency: found?.currency };
};
const change = (receiptId: string) => ({ receiptId, changeId: newId(), reason: 'mistyped', actor: 'clerk' });
const adjust = (sku: string, to: Parameters<typeof adjustStock>[1]['change']) =>
  adjustStock(withStock(shop.db), {
    sku,
    location: 'AMS',
    change: to,
    reason: 'test',
    actor: 'test',
    effectId: newId(),
  });

describe('what the version before writes on this schema', () => {
  test('as a receipt has what this one would have written of its cost', async () => {
    const [by, own] = [await shop.product({ AMS: 5 }), await shop.product({ AMS: 5 })];
    const both = async (quantity: number, unitCostMinor?: number) => {
      const line = { quantity, ...(unitCostMinor === undefined ? {} : { unitCostMinor }) };
      const ids = [await receive(by, line), (await deliver(shop.db, [{ sku: own, ...line }])).id];
      expect(await value(by)).toEqual(await value(own));
      return ids;
    };
    await both(10, 100);
    expect(await value(by)).toEqual({ worth: 1_000, uncosted: 5, currency: 'USD' });
    await both(10, 200);
    expect(await value(by)).toEqual({ worth: 3_000, uncosted: 5, currency: 'USD' });
    for (const sku of [by, own]) await adjust(sku, { delta: -20 });
    await both(7);
    expect(await value(by)).toEqual({ worth: 750, uncosted: 7, currency: 'USD' });
    const last = await both(4, 300);
    for (const id of last)
      await correctReceipt(withStock(shop.db), {
        ...change(id),
        corrections: [{ line: 1, quantity: 2, unitCostMinor: 310 }],
      });
    expect(await value(by)).toEqual(await value(own));
    for (const id of last) await reverseReceipt(withStock(shop.db), change(id));
    expect(await value(by)).toEqual({ worth: 750, uncosted: 7, currency: 'USD' });
    const { rows } = await shop.db.pool.query(
      `select p.sku, k.average_minor, k.costed_units, k.currency from product_cost_steps k
       join products p on p.id = k.product_id where p.sku = any ($1) order by k.at`,
      [[by, own]],
    );
    const steps = (sku: string) =>
      rows.filter((row: { sku: string }) => row.sku === sku).map((row: object) => ({ ...row, sku: '' }));
    expect(steps(by)).toHaveLength(6);
    expect(steps(by)).toEqual(steps(own));
  });

  test('has the time of its ledger entries, so that no answer about the past changes', async () => {
    const sku = await shop.product({ AMS: 5 });
    const receiptId = await receive(sku, { quantity: 3, unitCostMinor: 10 });
    const product = await productId(sku);
    const transferId = newId();
    await before(async (send) => {
      const terms = ['in_transit', 2, null, null, 'x', null, 60];
      await send(INSERT_TRANSFER, [transferId, product, ams, ber, ...terms]);
      await send('insert into stock (product_id, warehouse_id) values ($1, $2) on conflict do nothing', [
        product,
        ber,
      ]);
      await send(UPDATE_STOCK, [[product], [ams], [-2], [0]]);
      await entry(send, product, 'transfer_out', -2, transferId);
    });
    const { rows } = await shop.db.pool.query(
      `select t.kind, t.at = coalesce(r.received_at, x.created_at) as same from inventory_transactions t
       left join receipts r on r.id = t.effect_id left join transfers x on x.id = t.effect_id
       where t.effect_id in ($1, $2) order by t.at`,
      [receiptId, transferId],
    );
    expect(rows).toEqual([
      { kind: 'receipt', same: true },
      { kind: 'transfer_out', same: true },
    ]);
    expect(await valueProduct(shop.db, sku, { method: 'average' })).toMatchObject({
      onHand: 6,
      inTransit: 2,
      valueMinor: 30,
    });
  });

  test('as a count is a correction of its time: a newer number supersedes it, an older one does not', async () => {
    const count = async (sku: string, variance: number) => {
      const product = await productId(sku);
      await before(async (send) => {
        await send(LOCK_STOCK, [[product], [ams]]);
        await send(UPDATE_STOCK, [[product], [ams], [variance], [0]]);
        await entry(send, product, 'count', variance, newId());
      });
    };
    const sku = await shop.product({ AMS: 10 });
    await adjust(sku, { setTo: 10 });
    const { rows } = await shop.db.pool.query<{ at: string }>(
      `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at`,
    );
    await count(sku, -2);
    await expectInvariants(shop.db);
    await adjust(sku, { setTo: 10, asOf: rows[0]?.at ?? '' });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [8, 0] });
    await adjust(sku, { setTo: 9 });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [9, 0] });
  });

  test('as lots, serial numbers and holds of what has expired is taken on by this one', async () => {
    const phones = await trackedProduct(shop, { serials: true });
    const serial = await receive(phones, { quantity: 2, serials: ['A', 'B'] });
    await correctReceipt(withStock(shop.db), {
      ...change(serial),
      corrections: [{ line: 1, replaceSerials: [{ serial: 'a', by: 'C' }] }],
    });
    expect(await serialsOf(shop.db, phones)).toEqual(['C@AMS: in_stock', 'B@AMS: in_stock']);

    const sku = await trackedProduct(shop, { lots: true });
    await receive(sku, { quantity: 3, lotCode: 'L', expiresOn: inDays(-1) });
    const product = await productId(sku);
    const { rows } = await shop.db.pool.query<{ id: number }>('select id from lots where product_id = $1', [
      product,
    ]);
    const [holdId, reason] = [newId(), `lot L expired on ${inDays(-1)}`];
    await before(async (send) => {
      await send(LOCK_STOCK, [[product], [ams]]);
      await send(INSERT_RESERVATION, [holdId]);
      await send(
        `insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity) values ($1, $2, $3, 3, 3)`,
        [holdId, product, ams],
      );
      await send(INSERT_HOLD, [holdId, product, ams, rows[0]?.id, 3, reason, 'system']);
      await send('update lots set held = held + $2 where id = $1', [rows[0]?.id, 3]);
      await send(UPDATE_STOCK, [[product], [ams], [0], [3]]);
      const row = [
        [product],
        [ams],
        ['quality_hold'],
        [0],
        [3],
        [holdId],
        [holdId],
        [null],
        [reason],
        [null],
      ];
      await send(INSERT_ENTRIES, [...row, ['system']]);
    });
    // Correcting the date gives them back, as it does those that this version put on hold.
    await correctLotExpiry(withStock(shop.db), {
      sku,
      lot: 'L',
      expiresOn: inDays(9),
      reason: 'typo',
      actor: 'clerk',
    });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 0] });
    expect(await lotsOf(shop.db, sku)).toEqual(['L@AMS: 3']);
  });
});
