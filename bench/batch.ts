import { stock } from '../domain/ordering/backorders/stock-with-backorders';
import { applyUpdates, type BatchUpdate } from '../domain/stock/adjustments/batch';
import { openDatabase, type Database } from '../platform/database/database';
import { newId } from '../platform/ids';
import { adjustInteractively } from './adjust-interactive';
import { stockUp } from './reserve-interactive';
import { startBenchPostgres } from './servers';
import { percentile, perSecond, report, rounded, runWindow, type Window } from './windows';

const SKUS = 50_000;
const LARGE = 5_000;
const SMALL = 500;
const CONNECTIONS = 16;
const ROUNDS = 3;
const SECONDS = Number(process.env.BENCH_SECONDS ?? 4);

/** A way to apply updates: `rows` of them in one call, `inFlight` calls at a time. */
interface Variant {
  rows: number;
  inFlight: number;
  work: () => Promise<void>;
  windows: Window[];
}

/**
 * Updates a second by set-based batches against one interactive `SELECT … FOR UPDATE` transaction a row, in the same run on
 * the same server, windows alternating. Both write the same rows: counter, ledger, ledger key.
 */
export async function benchBatch(): Promise<void> {
  const server = await startBenchPostgres();
  const db = openDatabase({ url: server.url, poolSize: CONNECTIONS, log: server.log, lockTimeoutMs: 30_000 });
  try {
    await stockUp(db, SKUS);
    const large = batches(db, LARGE, 1);
    const largeAtOnce = batches(db, LARGE, 4);
    const small = batches(db, SMALL, 1);
    const rowByRow = singles(db, 1);
    const rowsAtOnce = singles(db, CONNECTIONS);
    const variants = [large, largeAtOnce, small, rowByRow, rowsAtOnce];
    // Once each, not counted: connections, prepared statements, compiled code.
    for (const variant of variants) await runWindow({ ...variant, seconds: Math.min(1, SECONDS) });
    await db.pool.query('vacuum analyze');
    for (let round = 0; round < ROUNDS; round++) {
      for (const variant of variants) {
        variant.windows.push(await runWindow({ ...variant, seconds: SECONDS }));
      }
    }
    report({
      bench: 'batch',
      updatesPerSecond: rate(large),
      perRowPerSecond: rate(rowsAtOnce),
      ratio: rounded(rate(large) / rate(rowsAtOnce)),
      updatesPerSecondFourBatchesAtOnce: rate(largeAtOnce),
      updatesPerSecondBatchesOf500: rate(small),
      perRowPerSecondOneConnection: rate(rowByRow),
      ratioOneConnection: rounded(rate(large) / rate(rowByRow)),
      batchOf5000P50Ms: rounded(percentile(large.windows, 50)),
      batchOf5000P99Ms: rounded(percentile(large.windows, 99)),
      batchOf500P50Ms: rounded(percentile(small.windows, 50)),
      batchOf500P99Ms: rounded(percentile(small.windows, 99)),
    });
  } finally {
    await db.close();
    await server.stop();
  }
}

function rate({ windows, rows }: Variant): number {
  return Math.round(perSecond(windows) * rows);
}

function pick(): { sku: string; delta: number } {
  return { sku: `BENCH-${1 + Math.floor(Math.random() * SKUS)}`, delta: Math.random() < 0.5 ? 1 : -1 };
}

function batches(db: Database, rows: number, inFlight: number): Variant {
  async function work(): Promise<void> {
    const updates = Array.from({ length: rows }, (): BatchUpdate => {
      return { ...pick(), location: 'AMS', reason: 'bench' };
    });
    const { rejected } = await applyUpdates(
      { db, stock },
      { batchId: newId(), atomic: false, actor: 'bench', updates },
    );
    if (rejected > 0) throw new Error(`${rejected} were rejected`);
  }
  return { rows, inFlight, work, windows: [] };
}

function singles(db: Database, inFlight: number): Variant {
  return {
    rows: 1,
    inFlight,
    work: () => adjustInteractively(db.pool, { ...pick(), effectId: newId() }),
    windows: [],
  };
}
