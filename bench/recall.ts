import { createWarehouseDirectory } from '../domain/catalog/warehouses';
import { stock } from '../domain/ordering/backorders/stock-with-backorders';
import { createOrderReserver } from '../domain/ordering/order-reserver';
import { settlePromised } from '../domain/ordering/promised/settle-promised';
import { findStockKey } from '../domain/stock/ledger/stock-ledger';
import { setTracking } from '../domain/stock/tracking/set-tracking';
import { recallLot } from '../domain/warehousing/quality/blocked-lots';
import { receiveGoods } from '../domain/warehousing/receiving/receive';
import { openDatabase, type Database } from '../platform/database/database';
import { newId } from '../platform/ids';
import { startBenchPostgres, type BenchPostgres } from './servers';
import { report, rounded } from './windows';

const PROMISES = Number(process.env.BENCH_RECALL_PROMISES ?? 20_000);
/** Units that another warehouse has. */
const ELSEWHERE = PROMISES / 4;
const ACTOR = 'bench';
const SKU = 'RECALLED';

/**
 * A lot that is recalled while all of its units are promised, each to an order of its own: how long it takes until nobody has a unit of it any
 * more. A quarter of the orders gets units from another warehouse, the rest is cut.
 */
export async function benchRecall(): Promise<void> {
  const postgres = await startBenchPostgres();
  const db = openDatabase({ url: postgres.url, poolSize: 10, log: postgres.log });
  try {
    await fill(db);
    await placeOrders(db, postgres);
    await db.pool.query('analyze');
    const began = performance.now();
    await recallLot({ db, stock }, { sku: SKU, lot: 'BAD', recalled: true, reason: 'bench', actor: ACTOR });
    const held = performance.now();
    let transactions = 0;
    const counting: Database = {
      ...db,
      retrying(work, limits) {
        transactions += 1;
        return db.retrying(work, limits);
      },
    };
    await settlePromised(counting, await findStockKey(db, { sku: SKU, location: 'AMS' }));
    const settled = performance.now();
    const { rows } = await db.pool.query<{ outcome: string; orders: number }>(
      'select outcome, count(*)::int as orders from alert_affected group by 1',
    );
    const told = Object.fromEntries(rows.map(({ outcome, orders }) => [outcome, orders]));
    if ((told.moved ?? 0) + (told.cut ?? 0) !== PROMISES) throw new Error(`told of ${JSON.stringify(told)}`);
    report({
      bench: 'recall',
      promises: PROMISES,
      ...told,
      holdSeconds: rounded((held - began) / 1_000),
      seconds: rounded((settled - held) / 1_000),
      transactions,
      perSecond: rounded(PROMISES / ((settled - held) / 1_000)),
    });
  } finally {
    await db.close();
    await postgres.stop();
  }
}

async function fill(db: Database): Promise<void> {
  await db.pool.query(
    `insert into warehouses (code, name, latitude, longitude, region) values ('AMS', 'Amsterdam', 52.3, 4.9, 'eu-west'),
       ('NYC', 'New York', 40.7, -74.0, 'us-east')`,
  );
  await db.pool.query(
    `insert into products (sku, name, price_minor, currency) values ($1, 'Recalled', 1000, 'USD')`,
    [SKU],
  );
  await setTracking(db, { actor: ACTOR, sku: SKU, lots: true, serials: false });
  await receive(db, 'AMS', PROMISES, 'BAD');
}

function receive(db: Database, location: string, quantity: number, code: string) {
  return receiveGoods(
    { db, stock },
    {
      receiptId: newId(),
      location,
      supplierReference: newId(),
      lines: [{ sku: SKU, quantity, lot: { code } }],
      actor: ACTOR,
    },
  );
}

/** Each with a unit of the lot; then units come in elsewhere. */
async function placeOrders(db: Database, { log }: BenchPostgres): Promise<void> {
  const reserver = createOrderReserver({
    db,
    warehouses: createWarehouseDirectory(db),
    gateway: { name: 'sandbox', amountProblem: () => null },
    strategy: 'nearest',
    backorderLimits: { product: PROMISES, customer: PROMISES },
    unpaidLimits: { orders: 20, units: 1_000 },
    backorderSeconds: 86_400,
    lanes: 2,
    maxBatch: 256,
    log,
  });
  const placed = await Promise.all(
    Array.from({ length: PROMISES }, (_, n) =>
      reserver.submit({
        orderId: newId(),
        customerId: `c-${n}`,
        items: [{ sku: SKU, quantity: 1 }],
        shipTo: null,
        fulfilment: 'complete',
        holdSeconds: 86_400,
        payment: null,
        fingerprint: null,
      }),
    ),
  );
  await reserver.close();
  const reserved = placed.filter(({ outcome }) => outcome === 'reserved').length;
  if (reserved < PROMISES) throw new Error(`only ${reserved} of ${PROMISES} are reserved`);
  await receive(db, 'NYC', ELSEWHERE, 'GOOD');
}
