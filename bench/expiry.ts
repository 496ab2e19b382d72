import { createStandaloneReserver } from '../domain/stock/reservations/standalone';
import { createWarehouseDirectory } from '../domain/catalog/warehouses';
import { reclaimExpired } from '../domain/ordering/expire';
import { createLogger } from '../platform/telemetry/log';
import { newId } from '../platform/ids';
import { setTimeout as delay } from 'node:timers/promises';
import { startBenchEngine, type BenchEngine } from './orders-engine';
import { report, rounded } from './windows';

const SKUS = 1_000;
const HOLDS = Number(process.env.BENCH_EXPIRY_RESERVATIONS ?? 10_000);
/** Over how long they fall due, seconds. */
const SECONDS = Number(process.env.BENCH_EXPIRY_SECONDS ?? 60);
const MADE_PER_SECOND = 1_000;
/** After the last due time, for whatever is late. */
const PATIENCE_SECONDS = 60;

/**
 * Holds that fall due evenly over a minute, on the whole product: how long after its due time, by PostgreSQL's clock, the
 * ledger has each hold's units back.
 */
export async function benchExpiry(): Promise<void> {
  const engine = await startBenchEngine(SKUS);
  try {
    await engine.analyze();
    const lastDue = await makeReservations(engine);
    await delay(Math.max(0, lastDue - Date.now()));
    const measured = await untilFreed(engine);
    report({ bench: 'expiry', holds: HOLDS, seconds: SECONDS, ...measured });
  } finally {
    await engine.stop();
  }
}

/** Answers when the last one falls due. */
async function makeReservations({ db }: BenchEngine): Promise<number> {
  const reserver = createStandaloneReserver({
    db,
    warehouses: createWarehouseDirectory(db),
    strategy: 'nearest',
    lanes: 2,
    maxBatch: 256,
    reclaim: (productIds) => reclaimExpired(db, productIds),
    log: createLogger('warn', 'bench'),
  });
  const firstDue = Date.now() + 2_000 + (HOLDS / MADE_PER_SECOND) * 1_000;
  const dueAt = (n: number) => firstDue + (n / HOLDS) * SECONDS * 1_000;
  const verdicts = await Promise.all(
    Array.from({ length: HOLDS }, (_, n) =>
      reserver.submit({
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
  await reserver.close();
  const held = verdicts.filter(({ outcome }) => outcome === 'reserved').length;
  if (held < HOLDS) throw new Error(`only ${held} of ${HOLDS} are held`);
  if (Date.now() > firstDue) throw new Error('the first holds fell due before the last were made');
  return dueAt(HOLDS);
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
    if (lag?.freed === HOLDS) {
      const { freed, lagP50Ms, lagP99Ms, lagMaxMs } = lag;
      return { freed, lagP50Ms: rounded(lagP50Ms), lagP99Ms: rounded(lagP99Ms), lagMaxMs: rounded(lagMaxMs) };
    }
    if (second > PATIENCE_SECONDS) throw new Error(`only ${lag?.freed ?? 0} of ${HOLDS} are freed`);
    await delay(1_000);
  }
}
