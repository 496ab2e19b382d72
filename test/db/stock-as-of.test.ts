import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { applyUpdates } from '../../domain/stock/adjustments/batch';
import { readStock, readStockAsOf, type PastStockView } from '../../domain/stock/availability/availability';
import { keepBalances } from '../../domain/stock/availability/balances';
import { listLedger } from '../../domain/stock/ledger/history';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { waitFor } from '../support/wait';
import { openOrderShop, orderOf, type OrderShop } from './support';

let shop: OrderShop;

beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

function adjust(sku: string, delta: number) {
  return adjustStock(withStock(shop.db), {
    sku,
    location: 'AMS',
    change: { delta },
    reason: 'test',
    actor: 'test',
    effectId: newId(),
  });
}

async function newestEntry(sku: string) {
  const page = await listLedger(shop.db, sku, { limit: 1, offset: 0 });
  const [entry] = page?.items ?? [];
  if (!entry) throw new Error('the ledger is empty');
  return entry;
}

async function asOf(sku: string, at: string): Promise<PastStockView> {
  const found = await readStockAsOf(shop.db, sku, at);
  if (!found) throw new Error('there is no such product');
  return found;
}

async function databaseTime(): Promise<string> {
  const { rows } = await shop.db.pool.query<{ at: string }>(
    `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at`,
  );
  return rows[0]?.at ?? '';
}

/** A connection of its own with a transaction that is open, as a process has that was paused. */
async function openWriter(): Promise<Client> {
  const client = new Client(shop.url);
  await client.connect();
  await client.query('begin');
  return client;
}

const LEDGER_ENTRY = `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
  select p.id, w.id, 'adjust', $2::int, 0, gen_random_uuid() from products p, warehouses w where p.sku = $1 and w.code = 'AMS'
  returning at::text`;
const COUNTER = `update stock s set on_hand = on_hand + $2::int from products p, warehouses w
  where s.product_id = p.id and p.sku = $1 and w.id = s.warehouse_id and w.code = 'AMS'`;

test('the time of the newest entry, as the ledger shows it, has that entry in it; the microsecond before has not', async () => {
  const sku = await shop.product({ AMS: 10 });
  for (const delta of [1, 2, 3, 4, 5]) {
    const before = (await readStock(shop.db, sku))?.onHand ?? 0;
    await adjust(sku, delta);
    const { at } = await newestEntry(sku);
    expect(at).toMatch(/\.\d{6}Z$/);
    expect(await asOf(sku, at)).toMatchObject({ onHand: before + delta, asOf: at, final: true });
    const earlier = `${at.slice(0, -7)}${String(Number(at.slice(-7, -1)) - 1).padStart(6, '0')}Z`;
    if (!at.endsWith('.000000Z')) expect(await asOf(sku, earlier)).toMatchObject({ onHand: before });
  }
});

test('the ledger is filtered by times to the microsecond', async () => {
  const sku = await shop.product({ AMS: 10 });
  await adjust(sku, 1);
  const { at, id } = await newestEntry(sku);
  const ids = async (range: { from?: string; to?: string }) =>
    (await listLedger(shop.db, sku, { ...range, limit: 10, offset: 0 }))?.items.map((entry) => entry.id);
  expect(await ids({ from: at })).toEqual([id]);
  expect(await ids({ to: at })).not.toContain(id);
});

test('what is read now is the same as of the time that it says', async () => {
  const sku = await shop.product({ AMS: 10, BER: 3 });
  await shop.place(orderOf({ [sku]: 4 }));
  const now = await readStock(shop.db, sku);
  // Whether a location was open then is not known.
  const locations = now?.locations.map((location) => ({ ...location, open: undefined }));
  expect(await asOf(sku, now?.asOf ?? '')).toEqual({ ...now, locations, final: true });
});

test('a time that has not come yet is refused', async () => {
  const sku = await shop.product({ AMS: 1 });
  await expect(asOf(sku, '2999-01-01T00:00:00Z')).rejects.toMatchObject({ code: 'ASOF_IN_FUTURE' });
});

test('all entries of a transaction carry one time, whatever statements write them', async () => {
  const sku = await shop.product({ AMS: 10 });
  const writer = await openWriter();
  try {
    const times = new Set<unknown>();
    for (let n = 0; n < 3; n++) {
      const { rows } = await writer.query<{ at: string }>(LEDGER_ENTRY, [sku, 1]);
      times.add(rows[0]?.at);
      await writer.query('select pg_sleep(0.002)');
    }
    await writer.query('savepoint s');
    times.add((await writer.query<{ at: string }>(LEDGER_ENTRY, [sku, 1])).rows[0]?.at);
    await writer.query('rollback to savepoint s');
    times.add((await writer.query<{ at: string }>(LEDGER_ENTRY, [sku, 1])).rows[0]?.at);
    expect(times.size).toBe(1);
    await writer.query('rollback');
    await writer.query('begin');
    times.add((await writer.query<{ at: string }>(LEDGER_ENTRY, [sku, 1])).rows[0]?.at);
    expect(times.size).toBe(2);
  } finally {
    await writer.end();
  }
});

test('units that wait for stock get it at the time at which it comes', async () => {
  const sku = await shop.product({ AMS: 1 });
  await shop.place(orderOf({ [sku]: 5 }, { fulfilment: 'backorder' }));
  await adjust(sku, 4);
  const page = await listLedger(shop.db, sku, { limit: 2, offset: 0 });
  expect(page?.items.map(({ kind }) => kind).sort()).toEqual(['adjust', 'allocate']);
  expect(new Set(page?.items.map(({ at }) => at)).size).toBe(1);
});

test('an entry that waited for a lock has a time after the lock', async () => {
  const sku = await shop.product({ AMS: 10 });
  const holder = await openWriter();
  try {
    await holder.query(COUNTER, [sku, 0]);
    const waiting = adjust(sku, 1);
    await waitFor(async () => {
      const { rows } = await shop.db.pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rows.length > 0;
    });
    const released = await databaseTime();
    await holder.query('commit');
    await waiting;
    expect((await newestEntry(sku)).at > released).toBe(true);
  } finally {
    await holder.end();
  }
});

test('while a transaction is open that may still write, what it may change is not final', async () => {
  const sku = await shop.product({ AMS: 10 });
  const before = await databaseTime();
  const writer = await openWriter();
  try {
    await writer.query(COUNTER, [sku, 5]);
    await writer.query(LEDGER_ENTRY, [sku, 5]);
    const during = await databaseTime();
    // The writer is idle in its transaction. What was before its time cannot change any more.
    expect(await asOf(sku, before)).toMatchObject({ onHand: 10, final: true });
    expect(await asOf(sku, during)).toMatchObject({ onHand: 10, final: false });
    await writer.query('commit');
    expect(await asOf(sku, during)).toMatchObject({ onHand: 15, final: true });
  } finally {
    await writer.end();
  }
});

test('a writer whose process is gone leaves nothing that keeps answers from being final', async () => {
  const sku = await shop.product({ AMS: 10 });
  const writer = await openWriter();
  await writer.query(LEDGER_ENTRY, [sku, 5]);
  const during = await databaseTime();
  expect(await asOf(sku, during)).toMatchObject({ final: false });
  await writer.end();
  await waitFor(async () => (await asOf(sku, during)).final);
  expect(await asOf(sku, during)).toMatchObject({ onHand: 10 });
});

test('a transfer on its way is as repeatable as what is on hand', async () => {
  const sku = await shop.product({ AMS: 10, BER: 0 });
  const at = await databaseTime();
  const before = await asOf(sku, at);
  const writer = await openWriter();
  try {
    const id = newId();
    // As a version writes it that does not know of arrivals.
    await writer.query(
      `insert into transfers (id, product_id, source_id, target_id, mode, status, quantity, actor, expected_at, created_at)
       select $2, p.id, f.id, t.id, 'in_transit', 'in_transit', 4, 'test', now(), ledger_time()
       from products p, warehouses f, warehouses t where p.sku = $1 and f.code = 'AMS' and t.code = 'BER'`,
      [sku, id],
    );
    await writer.query(COUNTER, [sku, -4]);
    await writer.query(
      LEDGER_ENTRY.replace('adjust', 'transfer_out')
        .replace('effect_id)', 'effect_id, reference)')
        .replace('gen_random_uuid()', `gen_random_uuid(), 'transfer:${id}'`),
      [sku, -4],
    );
    expect((await asOf(sku, await databaseTime())).final).toBe(false);
    await writer.query('commit');
    const out = await databaseTime();
    expect(await asOf(sku, at)).toEqual(before);
    const onTheWay = await asOf(sku, out);
    expect(onTheWay).toMatchObject({ onHand: 6, inTransit: 4, final: true });
    await writer.query('begin');
    await writer.query(`update transfers set received = received + 4, status = 'completed' where id = $1`, [
      id,
    ]);
    await writer.query(COUNTER, [sku, 4]);
    await writer.query(
      LEDGER_ENTRY.replace('adjust', 'transfer_in')
        .replace('effect_id)', 'effect_id, reference)')
        .replace('gen_random_uuid()', `gen_random_uuid(), 'transfer:${id}'`),
      [sku, 4],
    );
    await writer.query('commit');
    expect(await asOf(sku, out)).toEqual(onTheWay);
    expect(await asOf(sku, await databaseTime())).toMatchObject({ onHand: 10, inTransit: 0 });
  } finally {
    await writer.end();
  }
});

test('four writers of atomic batches: every final answer repeats, no half of a batch is ever seen, and idle means final', async () => {
  const SKUS = 40;
  const skus = await Promise.all(Array.from({ length: SKUS }, () => shop.product({ AMS: 100 })));
  const done = new AbortController();
  const batches = [0, 0, 0, 0];
  const writer = async (seed: number) => {
    for (let n = 0; !done.signal.aborted; n++) {
      const delta = (n + seed) % 2 === 0 ? 1 : -1;
      const updates = skus.map((sku) => ({ sku, location: 'AMS', delta, reason: 'test' }));
      await applyUpdates(withStock(shop.db), { batchId: newId(), atomic: true, actor: 'test', updates });
      batches[seed] = n + 1;
    }
  };
  const answers = new Map<string, PastStockView>();
  /** Times of answers that were not final. */
  const open: string[] = [];
  const [first = '', last = ''] = [skus[0], skus.at(-1)];
  const reader = async () => {
    // As many as it takes to see both kinds of answers.
    for (let n = 0; n < 60 || (n < 2_000 && (answers.size === 0 || open.length === 0)); n++) {
      const at = await databaseTime();
      const [one, other] = [await asOf(first, at), await asOf(last, at)];
      // Each batch changes both alike.
      if (one.final && other.final) expect(one.onHand).toBe(other.onHand);
      if (one.final) answers.set(at, one);
      else open.push(at);
      await delay(5);
      const again = await asOf(first, at);
      if (one.final) expect(again).toEqual(one);
      else if (again.final) answers.set(at, again);
    }
  };
  const writers = [0, 1, 2, 3].map(writer);
  await reader();
  // Balances that are made while they write change nothing.
  await keepBalances(shop.db);
  for (const [at, answer] of answers) expect(await asOf(first, at)).toEqual(answer);
  done.abort();
  await Promise.all(writers);
  const idle = Date.now();
  const at = await databaseTime();
  await waitFor(async () => (await asOf(first, at)).final);
  expect(Date.now() - idle).toBeLessThan(5_000);
  for (const [time, answer] of answers) expect(await asOf(first, time)).toEqual(answer);
  // Also what was open when it was asked for is final by now, and shows no half of a batch.
  for (const sku of skus) expect((await asOf(sku, at)).onHand).toBe((await asOf(first, at)).onHand);
  expect(answers.size).toBeGreaterThan(0);
  // All four wrote while answers were asked for.
  expect(Math.min(...batches)).toBeGreaterThan(0);
  // Not every answer is final while they write, and each is in the end.
  expect(open.length).toBeGreaterThan(0);
  for (const time of open) expect(await asOf(first, time)).toMatchObject({ final: true });
});

describe('with balances', () => {
  // Of its own: in others balances are kept up to now already, and these entries are of before.
  beforeAll(async () => {
    await shop.close();
    shop = await openOrderShop();
  });

  /** Entries of one product, some of the past, at two places. */
  async function fill(sku: string, count: number): Promise<void> {
    await shop.db.pool.query(
      `with added as (
         insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
         select date_trunc('month', now()) + n * (now() - date_trunc('month', now())) / ($2::int + 1), s.product_id, s.warehouse_id, 'receipt', 1 + n % 3, 0, md5('effect ' || $1)::uuid
         from generate_series(1, $2::int) n join products p on p.sku = $1 join stock s on s.product_id = p.id
         returning product_id, warehouse_id, on_hand_delta)
       update stock s set on_hand = on_hand + a.units
       from (select product_id, warehouse_id, sum(on_hand_delta) as units from added group by 1, 2) a
       where s.product_id = a.product_id and s.warehouse_id = a.warehouse_id`,
      [sku, count],
    );
  }

  async function summed(sku: string, at: string): Promise<unknown> {
    const { rows } = await shop.db.pool.query(
      `select w.code as warehouse, sum(t.on_hand_delta)::int as "onHand" from inventory_transactions t
       join products p on p.id = t.product_id join warehouses w on w.id = t.warehouse_id
       where p.sku = $1 and t.at <= $2::timestamptz group by 1 order by 1`,
      [sku, at],
    );
    return rows;
  }

  test('the ledger is read from the last balance on, and every answer is the same', async () => {
    const sku = await shop.product({ AMS: 5, BER: 7 });
    await fill(sku, 20_000);
    const { rows: picked } = await shop.db.pool.query<{ at: string }>(
      `select at::text from inventory_transactions t join products p on p.id = t.product_id
       where p.sku = $1 and t.id % 977 = 0 order by at`,
      [sku],
    );
    const answers = await Promise.all(picked.map(({ at }) => asOf(sku, at)));
    expect(await keepBalances(shop.db)).toBeGreaterThan(80);
    for (const [n, { at }] of picked.entries()) {
      expect(await asOf(sku, at)).toEqual(answers[n]);
      const levels = answers[n]?.locations.map(({ warehouse, onHand }) => ({ warehouse, onHand }));
      expect(levels).toEqual(await summed(sku, at));
    }
    // Only what is new is looked at.
    await adjust(sku, 1);
    expect(await keepBalances(shop.db)).toBeLessThan(2);
    // It is the balance that is read, not what it sums up.
    const last = picked.at(-1)?.at ?? '';
    const change = (units: number) =>
      shop.db.pool.query('update ledger_balances set on_hand = on_hand + $1', [units]);
    await change(1_000_000);
    expect((await asOf(sku, last)).onHand).toBe((answers.at(-1)?.onHand ?? 0) + 2_000_000);
    await change(-1_000_000);
  });
});
