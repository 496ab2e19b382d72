import { createStandaloneReserver } from '../domain/stock/reservations/standalone';
import { createWarehouseDirectory } from '../domain/catalog/warehouses';
import { reclaimExpired } from '../domain/ordering/expire';
import { createLogger } from '../platform/telemetry/log';
import { newId } from '../platform/ids';
import { setTimeout as delay } from 'node:timers/promises';
import { startBenchEngine, type BenchEngine } from './orders-engine';
import { report, rounded } from './windows';

const SKUS = 1_000;
const RESERVATIONS = Number(process.env.BENCH_EXPIRY_RESERVATIONS ?? 10_000);
/** Over how long they fall due, seconds. */
const SECONDS = Number(process.env.BENCH_EXPIRY_SECONDS ?? 60);
const MADE_PER_SECOND = 1_000;
/** Allowed after the last due time for reservations that are freed late. */
const GRACE_SECONDS = 60;

/**
 * Reservations that fall due evenly over a minute, on the whole product: how long after its due time, by PostgreSQL's clock,
 * each one's units are free again in the ledger.
 */
export async function benchExpiry(): Promise<void> {
  const engine = await startBenchEngine(SKUS);
  try {
    await engine.analyze();
    const lastDue = await makeReservations(engine);
    await delay(Math.max(0, lastDue - Date.now()));
    const measured = await untilFreed(engine);
    report({ bench: 'expiry', reservations: RESERVATIONS, seconds: SECONDS, ...measured });
  } finally {
    await engine.stop();
  }
}

/** Returns when the last one falls due. */
async function makeReservations({ db }: BenchEngine): Promise<number> {
  const batcher = createStandaloneReserver({
    db,
    warehouses: createWarehouseDirectory(db),
    strategy: 'nearest',
    lanes: 2,
    maxBatch: 256,
    reclaim: (productIds) => reclaimExpired(db, productIds),
    log: createLogger('warn', 'bench'),
  });
  const firstDue = Date.now() + 2_000 + (RESERVATIONS / MADE_PER_SECOND) * 1_000;
  const dueAt = (n: number) => firstDue + (n / RESERVATIONS) * SECONDS * 1_000;
  const results = await Promise.all(
    Array.from({ length: RESERVATIONS }, (_, n) =>
      batcher.submit({
        reservationId: newId(),
        kind: 'hold',
        orderId: null,
        lines: [{ sku: `BENCH-${1 + (n % SKUS)}`, quantity: 1 }],
        shipTo: null,
        mode: 'complete',
        holdSeconds: 0,
        expiresAt: new Date(dueAt(n)),
        status: 'pending',
      }),
    ),
  );
  await batcher.close();
  const reserved = results.filter(({ outcome }) => outcome === 'reserved').length;
  if (reserved < RESERVATIONS) throw new Error(`only ${reserved} of ${RESERVATIONS} are reserved`);
  if (Date.now() > firstDue) throw new Error('the first reservations fell due before the last were made');
  return dueAt(RESERVATIONS);
}

interface Lag {
  freed: number;
  lagP50Ms: number;
  lagP99Ms: number;
  lagMaxMs: number;
}

async function untilFreed({ db }: BenchEngine): Promise<Lag> {
  for (let second = 0; ; second++) {
    const { rows } = await db.pool.query<Lag>(
      `select count(*)::int as freed,
              percentile_disc(0.50) within group (order by lag) as "lagP50Ms",
              percentile_disc(0.99) within group (order by lag) as "lagP99Ms", max(lag) as "lagMaxMs"
       from (select extract(epoch from t.at - r.expires_at)::float8 * 1000 as lag
             from reservations r join inventory_transactions t on t.reservation_id = r.id and t.kind = 'expire') freed`,
    );
    const [lag] = rows;
    if (lag?.freed === RESERVATIONS) {
      const { freed, lagP50Ms, lagP99Ms, lagMaxMs } = lag;
      return { freed, lagP50Ms: rounded(lagP50Ms), lagP99Ms: rounded(lagP99Ms), lagMaxMs: rounded(lagMaxMs) };
    }
    if (second > GRACE_SECONDS) throw new Error(`only ${lag?.freed ?? 0} of ${RESERVATIONS} are freed`);
    await delay(1_000);
  }
}
