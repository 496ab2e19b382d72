import { advanceCheckpoint } from '../domain/assurance/seals/checkpoint';
import { moveShare } from '../domain/assurance/share-queries';
import { findInconsistencies } from '../domain/assurance/run-check';
import { sealLedger } from '../domain/assurance/seals/seal';
import { CHECK_IDS, type CheckId, type CheckMode } from '../domain/assurance/types';
import { verifySeals } from '../domain/assurance/seals/verify';
import { openDatabase, type Database } from '../platform/database/database';
import { startBenchPostgres } from './servers';
import { timed } from './timed';
import { report, rounded } from './windows';

/** Rows of the ledger; BENCH_VERIFY_ROWS for another size. */
const ROWS = Number(process.env.BENCH_VERIFY_ROWS ?? 10_000_000);
const WAREHOUSES = 100;
/** One transaction of the load, as large as a large batch. */
const CHUNK = 50_000;
/** Written between two incremental checks: an hour at 100,000 updates a minute would be 60 times that. */
const RECENT = Math.min(100_000, Math.ceil(ROWS / 10));
const LIMIT = 100;

/**
 * Seconds to check a ledger of so many rows, in full and incrementally, to seal it and to verify its seals. A stock row has
 * ten entries in the mean, and the counters agree with the ledger. Checks that ask Temporal are left out.
 */
export async function benchVerify(): Promise<void> {
  const server = await startBenchPostgres();
  const db = openDatabase({ url: server.url, poolSize: 4, log: server.log, statementTimeoutMs: 0 });
  try {
    const products = Math.ceil(ROWS / 10 / WAREHOUSES);
    await load(db, products);
    const seal = await timed(() => sealLedger(db));
    const seals = await timed(() => verifySeals(db, { mode: 'full', limit: LIMIT }));
    expectNone('seals', seals.result.findings);
    const full = await timed(() => checkAll(db, 'full'));
    const checkpoint = await timed(() => advanceCheckpoint(db, 'full'));
    // What autovacuum does soon: sums that were made part by part leave old versions of their rows behind.
    await db.pool.query('vacuum analyze ledger_checkpoint');
    // As each run of the schedule leaves it: a run looks at a share of what nobody has touched.
    await db.transaction((tx) => moveShare(tx, null));
    await write(db, products, RECENT);
    await db.pool.query('analyze inventory_transactions');
    const incremental = await timed(() => checkAll(db, 'incremental'));
    report({
      bench: 'verify',
      ledgerRows: ROWS,
      stockRows: products * WAREHOUSES,
      fullSeconds: rounded(full.seconds),
      fullSlowest: full.result,
      incrementalSeconds: rounded(incremental.seconds),
      incrementalSlowest: incremental.result,
      incrementalRows: RECENT,
      checkpointSeconds: rounded(checkpoint.seconds),
      sealRowsPerSecond: Math.round(seal.result.rows / seal.seconds),
      verifySealsSeconds: rounded(seals.seconds),
    });
  } finally {
    await db.close();
    await server.stop();
  }
}

/** Every check of PostgreSQL but the seals, which are measured by themselves. Returns the seconds of the slowest three. */
async function checkAll(db: Database, mode: CheckMode): Promise<Record<string, number>> {
  const taken: [CheckId, number][] = [];
  for (const check of CHECK_IDS) {
    if (check === 'seals' || check.startsWith('workflow_')) continue;
    const { result, seconds } = await timed(() =>
      findInconsistencies({ db }, { check, mode, graceSeconds: 300 }),
    );
    expectNone(check, result);
    taken.push([check, rounded(seconds)]);
  }
  return Object.fromEntries(taken.sort(([, a], [, b]) => b - a).slice(0, 3));
}

function expectNone(check: string, findings: readonly unknown[]): void {
  if (findings.length > 0) throw new Error(`${check}: ${JSON.stringify(findings.slice(0, 3))}`);
}

async function load(db: Database, products: number): Promise<void> {
  await db.pool.query(
    `insert into warehouses (code, name, latitude, longitude, region)
     select 'W' || n, 'Warehouse ' || n, 50, 5, 'eu' from generate_series(1, $1::int) n`,
    [WAREHOUSES],
  );
  await db.pool.query(
    `insert into products (sku, name, price_minor, currency)
     select 'BENCH-' || n, 'Bench ' || n, 1000, 'USD' from generate_series(1, $1::int) n`,
    [products],
  );
  await db.pool.query(
    'insert into stock (product_id, warehouse_id) select p, w from generate_series(1, $1::int) p, generate_series(1, $2::int) w',
    [products, WAREHOUSES],
  );
  const last = Math.min(CHUNK, ROWS);
  for (let written = 0; written < ROWS - last; written += CHUNK) {
    await write(db, products, Math.min(CHUNK, ROWS - last - written), false);
  }
  // At once: what each transaction would have added to its counters.
  await db.pool.query(
    `update stock s set on_hand = l.units from (select product_id, warehouse_id, sum(on_hand_delta) as units
     from inventory_transactions group by 1, 2) l where s.product_id = l.product_id and s.warehouse_id = l.warehouse_id`,
  );
  // After it, so that the counters are older than the last sealed row, as they are in service.
  await write(db, products, last);
  await db.pool.query('vacuum analyze');
}

/** Entries of random places, in one transaction. */
async function write(db: Database, products: number, count: number, counted = true): Promise<void> {
  await db.pool.query(
    `with entry as materialized (
       select 1 + floor(random() * $1)::int as product_id, 1 + floor(random() * $2)::int as warehouse_id
       from generate_series(1, $3::int)
     ), added as (
       insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reason, actor)
       select product_id, warehouse_id, 'adjust', 1, 0, gen_random_uuid(), 'count', 'bench' from entry
     )
     update stock s set on_hand = s.on_hand + e.units
     from (select product_id, warehouse_id, count(*)::int as units from entry where $4 group by 1, 2) e
     where s.product_id = e.product_id and s.warehouse_id = e.warehouse_id`,
    [products, WAREHOUSES, count, counted],
  );
}
