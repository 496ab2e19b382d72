import { nodesOf, rowsOf, type PlanNode } from '../../bench/explain/reads';
import { SQL_CHECKS, statementOf } from '../../domain/assurance/checks/checks';
import { EVERYTHING } from '../../domain/assurance/share';
import {
  readByTransactions,
  selectUnsealedLedgerSeconds,
} from '../../domain/assurance/seals/unsealed-queries';
import { recordStatements } from '../../bench/explain/recorder';
import { prepareLongReading } from '../../domain/stock/ledger/long-reading';
import type { CheckId, CheckMode } from '../../domain/assurance/types';
import { openTestShop, type TestShop } from '../support/fixtures';
import { tamper } from './support';

const LEDGER = 100_000;
const PLACES = 5_000;
const ORDERS = 20_000;
/** Of both, what came after the last check. */
const RECENT = 100;
/** Reservations that keep units. */
const LIVE = 50;
/** Products of the share that an incremental run looks at. */
const SHARE = 100;

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
  await tamper(
    shop.url,
    `insert into stock (product_id, warehouse_id, on_hand) select n, 1, ${LEDGER / PLACES} from generate_series(1, ${PLACES}) n`,
    // One transaction an entry, over all places again and again.
    `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, xid)
     select 1 + n % ${PLACES}, 1, 'adjust', 1, 0, gen_random_uuid(), n::text::xid8 from generate_series(1, ${LEDGER}) n`,
    `insert into ledger_keys (key) select kind || ':' || effect_id from inventory_transactions`,
    `insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input, created_at, updated_at)
     select gen_random_uuid(), 'c', 'cancelled', 'complete', 'USD', 0, 900, '{}', at, at
     from generate_series(1, ${ORDERS}) n, lateral (select now() - make_interval(mins => ${ORDERS} - n) as at) t`,
    `insert into order_items (order_id, line, product_id, sku, quantity, unit_price_minor, cancelled_quantity)
     select id, 1, 1, 'X', 1, 0, 1 from orders`,
    `insert into shipments (id, order_id, reservation_id, warehouse_id, status, carrier)
     select gen_random_uuid(), id, gen_random_uuid(), 1, 'picked_up', 'sandbox' from orders`,
    'insert into shipment_items (shipment_id, product_id, sku, quantity) select id, 1, $$X$$, 1 from shipments',
    // All of them have waited for long.
    `insert into backorders (product_id, order_id, quantity, waiting, created_at)
     select n, gen_random_uuid(), 1, 1, now() - interval '10 days' from generate_series(1, ${PLACES}) n`,
    // Most reservations have ended.
    `insert into reservations (id, kind, order_id, status, expires_at)
     select md5(n::text)::uuid, 'order', gen_random_uuid(), case when n <= ${LIVE} then 'confirmed' else 'shipped' end, now()
     from generate_series(1, ${ORDERS}) n`,
    `insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity)
     select id, 1, 1, 1, (status = 'confirmed')::int from reservations`,
    `insert into transfers (id, product_id, source_id, target_id, mode, status, quantity, received, actor, expected_at, created_at, updated_at)
     select gen_random_uuid(), 1, 1, 2, 'in_transit', 'completed', 1, 1, 'x', at, at, at
     from generate_series(1, ${ORDERS}) n, lateral (select now() - make_interval(mins => ${ORDERS} - n) as at) t`,
    'vacuum analyze',
  );
});
afterAll(() => shop.close());

/** Of the plan with which a check runs, the nodes that read a table or its partitions. */
async function readersOf(
  check: CheckId,
  mode: CheckMode,
  table: string,
  limit = 10_001,
): Promise<PlanNode[]> {
  const found = SQL_CHECKS.get(check);
  if (!found) throw new Error(`there is no check ${check}`);
  const { text, values } = statementOf(found, {
    mode,
    limit,
    graceSeconds: 300,
    since: mode === 'full' ? null : new Date(Date.now() - RECENT * 60_000),
    summedUp: { xid: LEDGER - RECENT, id: Number.MAX_SAFE_INTEGER },
    share: { ...EVERYTHING, productsUpTo: SHARE, linesUpTo: '01000000-0000-0000-0000-000000000000' },
  });
  return shop.db.transaction(async (tx) => {
    await prepareLongReading(tx);
    const { rows } = await tx.query({
      name: `explain ${check} ${mode}`,
      text: `explain (analyze, format json) ${text}`,
      values: values ?? [],
    });
    const [{ Plan }] = rows[0]?.['QUERY PLAN'] as [{ Plan: PlanNode }];
    return nodesOf(Plan).filter((node) => node['Relation Name']?.startsWith(table));
  });
}

function rowsRead(nodes: readonly PlanNode[]): number {
  return nodes.reduce((sum, node) => sum + rowsOf(node), 0);
}

test.each(['on_hand_ledger', 'reserved_ledger', 'ledger_keys'] as const)(
  'an incremental %s reads of the ledger what came after the kept sums',
  async (check) => {
    const read = rowsRead(await readersOf(check, 'incremental', 'inventory_transactions'));
    // In ranges of 32 pages, each of some 2,500 rows.
    expect(read).toBeGreaterThanOrEqual(RECENT);
    expect(read).toBeLessThan(LEDGER / 10);
    expect(rowsRead(await readersOf(check, 'full', 'inventory_transactions'))).toBeGreaterThanOrEqual(LEDGER);
  },
);

test.each([
  ['that goes on', LEDGER - RECENT],
  ['that has stood still since long ago', LEDGER / 20],
])(
  'how old the oldest row without a seal is, is found without reading all, of sealing %s',
  async (_, xid) => {
    const [statement] = await recordStatements(shop.db, (on) =>
      selectUnsealedLedgerSeconds(on, { xid, id: Number.MAX_SAFE_INTEGER }),
    );
    const read = await shop.db.transaction(async (tx) => {
      await readByTransactions(tx);
      const { rows } = await tx.query({
        name: '',
        text: `explain (analyze, format json) ${statement?.text ?? ''}`,
        values: statement?.values ?? [],
      });
      const [{ Plan }] = rows[0]?.['QUERY PLAN'] as [{ Plan: PlanNode }];
      return rowsRead(
        nodesOf(Plan).filter((node) => node['Relation Name']?.startsWith('inventory_transactions')),
      );
    });
    expect(read).toBeGreaterThanOrEqual(RECENT);
    // The rows that are looked at, and a range of 32 pages.
    expect(read).toBeLessThan(14_000);
  },
);

test.each([
  ['on_hand_ledger', 'inventory_transactions'],
  ['reserved_ledger', 'inventory_transactions'],
  ['ledger_keys', 'inventory_transactions'],
  ['ledger_keys', 'ledger_keys'],
  ['reserved_holds', 'stock'],
  ['phantom_stock', 'stock'],
] as const)('a full %s reads %s from its beginning to its end, not row by row', async (check, table) => {
  // So few findings that a plan which finds the first one quickly would look good.
  const readers = await readersOf(check, 'full', table, 10);
  expect(new Set(readers.map((node) => node['Node Type']))).toEqual(new Set(['Seq Scan']));
});

test.each([
  'order_items_holds',
  'order_backorders',
  'order_ended_units',
  'order_events',
  'order_shipments',
  'order_payments',
] as const)('an incremental %s reads the orders that were touched since the last', async (check) => {
  for (const table of ['orders', 'shipments'])
    expect(rowsRead(await readersOf(check, 'incremental', table))).toBeLessThan(ORDERS / 20);
});

test.each([
  ['on_hand_ledger', 'stock', SHARE + RECENT],
  ['reserved_ledger', 'stock', SHARE + RECENT],
  ['reserved_holds', 'stock', SHARE + RECENT],
  ['phantom_stock', 'stock', SHARE + RECENT],
  ['free_beside_waiting', 'stock', SHARE + RECENT],
  ['reserved_holds', 'reservation_lines', LIVE],
  ['reserved_holds', 'reservations', LIVE],
  ['orphaned_holds', 'reservations', LIVE],
  ['ended_holds', 'reservation_lines', ORDERS / 100],
  ['lines_without_hold', 'reservation_lines', ORDERS / 100],
  ['order_items_holds', 'reservation_lines', RECENT],
  ['transfers_lost_units', 'transfers', RECENT],
] as const)(
  'an incremental %s reads of %s what was touched, what is live and a share',
  async (check, table, most) => {
    const read = rowsRead(
      (await readersOf(check, 'incremental', table)).filter((node) => node['Relation Name'] === table),
    );
    // Some are looked up once for each branch of a check.
    expect(read).toBeLessThanOrEqual(3 * most);
  },
);
