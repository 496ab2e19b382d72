import { createStandaloneReserver } from '../domain/stock/reservations/standalone';
import { createWarehouseDirectory } from '../domain/catalog/warehouses';
import { reclaimExpired } from '../domain/ordering/expire';
import { readSettings } from '../platform/config';
import { openDatabase, type Database } from '../platform/database/database';
import { newId } from '../platform/ids';
import { reserveInteractively, stockUp } from './reserve-interactive';
import { startBenchPostgres } from './servers';
import { percentile, perSecond, report, rounded, runWindow, type Window } from './windows';

const SKUS = 10_000;
const IN_FLIGHT = 64;
const ROUNDS = 3;
const SECONDS = 4;

type Variant = 'uniform' | 'hot';

/**
 * Reservations a second through the request batcher against one interactive `SELECT … FOR UPDATE` transaction each, in the same run
 * on the same server, windows alternating. Both write the same rows: reservation, line, ledger, ledger key, counter.
 */
export async function benchReserve(): Promise<void> {
  const server = await startBenchPostgres();
  const db = openDatabase({ url: server.url, poolSize: IN_FLIGHT, log: server.log, lockTimeoutMs: 30_000 });
  try {
    await stockUp(db, SKUS);
    for (const variant of ['uniform', 'hot'] as const) await benchVariant(db, server.log, variant);
  } finally {
    await db.close();
    await server.stop();
  }
}

async function benchVariant(
  db: Database,
  log: Parameters<typeof createStandaloneReserver>[0]['log'],
  variant: Variant,
) {
  const settings = readSettings({});
  const batcher = createStandaloneReserver({
    db,
    warehouses: createWarehouseDirectory(db),
    strategy: 'nearest',
    lanes: settings.RESERVE_LANES,
    maxBatch: settings.RESERVE_MAX_BATCH,
    reclaim: (productIds) => reclaimExpired(db, productIds),
    log,
  });
  const pick = () => (variant === 'hot' ? 1 : 1 + Math.floor(Math.random() * SKUS));
  const batched: Window[] = [];
  const interactive: Window[] = [];
  const reserveBatched = async () => {
    const result = await batcher.submit({
      reservationId: newId(),
      kind: 'hold',
      orderId: null,
      lines: [{ sku: `BENCH-${pick()}`, quantity: 1 }],
      shipTo: null,
      mode: 'complete',
      holdSeconds: 900,
      status: 'pending',
    });
    if (result.outcome !== 'reserved') throw new Error(`not reserved: ${result.outcome}`);
  };
  const reserveAlone = () => reserveInteractively(db.pool, pick(), newId());
  // Once each, not counted: connections, prepared statements, compiled code.
  await runWindow({ seconds: 1, inFlight: IN_FLIGHT, work: reserveBatched });
  await runWindow({ seconds: 1, inFlight: IN_FLIGHT, work: reserveAlone });
  // Prepared statements keep the plan they were given while the tables were empty until these are analysed; in service
  // autovacuum does that within its first minute.
  await db.pool.query('analyze');
  for (let round = 0; round < ROUNDS; round++) {
    batched.push(await runWindow({ seconds: SECONDS, inFlight: IN_FLIGHT, work: reserveBatched }));
    interactive.push(await runWindow({ seconds: SECONDS, inFlight: IN_FLIGHT, work: reserveAlone }));
  }
  await batcher.close();
  report({
    bench: 'reserve',
    variant,
    batchedPerSecond: Math.round(perSecond(batched)),
    interactivePerSecond: Math.round(perSecond(interactive)),
    ratio: rounded(perSecond(batched) / perSecond(interactive)),
    batchedP50Ms: rounded(percentile(batched, 50)),
    batchedP99Ms: rounded(percentile(batched, 99)),
    interactiveP50Ms: rounded(percentile(interactive, 50)),
    interactiveP99Ms: rounded(percentile(interactive, 99)),
  });
}
