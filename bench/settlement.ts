import { seedTransactions } from '../domain/demo/transactions';
import { beginSettlement, finishSettlement, sumPart } from '../domain/settlement/run';
import { requestSettlement } from '../domain/settlement/settlement';
import { openDatabase, type Database } from '../platform/database/database';
import { newId } from '../platform/ids';
import { startBenchPostgres } from './servers';
import { median, timed } from './timed';
import { report, rounded } from './windows';

/** Captures and refunds; BENCH_SETTLEMENT_ROWS for another number. */
const ROWS = Number(process.env.BENCH_SETTLEMENT_ROWS ?? 1_000_000);
/** Made from orders; beyond these the rows of the ledger are copied, of which alone a settlement reads. */
const SEEDED = 1_000_000;
/** As the settings have it. */
const PARTS = 8;
const BATCH = 10_000;
const ROUNDS = 3;

/**
 * Seconds that a settlement file of so many transactions takes, from the request to its digest, against a bare GROUP BY of the same rows, in
 * turns. Without Temporal, whose steps are a handful: beside these sums they count for nothing.
 */
export async function benchSettlement(): Promise<void> {
  const server = await startBenchPostgres();
  const db = openDatabase({ url: server.url, poolSize: PARTS + 2, log: server.log, statementTimeoutMs: 0 });
  try {
    const seeded = await timed(() => seedTransactions(db, { rows: Math.min(ROWS, SEEDED) }));
    const copies = Math.max(0, Math.ceil(ROWS / seeded.result) - 1);
    await copyLedger(db, copies);
    await db.pool.query('vacuum analyze');
    const groupBy: number[] = [];
    const settlement: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      groupBy.push((await timed(() => group(db))).seconds);
      settlement.push((await timed(() => settle(db))).seconds);
      // So that the next one has all of it to sum again.
      await db.pool.query('truncate settlement_days, settlement_parts, settlement_sums, settlement_runs');
    }
    const bare = median(groupBy);
    const taken = median(settlement);
    report({
      bench: 'settlement',
      transactions: seeded.result * (1 + copies),
      seedSeconds: rounded(seeded.seconds),
      groupBySeconds: rounded(bare),
      settlementSeconds: rounded(taken),
      limitSeconds: rounded(2 * bare + 3),
      isWithin: taken <= 2 * bare + 3,
      peakMemoryMb: Math.round(process.resourceUsage().maxRSS / 1_024),
    });
  } finally {
    await db.close();
    await server.stop();
  }
}

/** Adds the rows of the ledger so many times more, each as of another payment. */
async function copyLedger(db: Database, copies: number): Promise<void> {
  await db.pool.query(
    `insert into money_ledger (effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, payment_id, source_id, turn, fee_rule_id)
     select effective_at, day, kind, debit, credit, merchant_id, amount_minor, currency, gen_random_uuid(), gen_random_uuid(), turn, fee_rule_id
     from money_ledger cross join generate_series(1, $1::int)`,
    [copies],
  );
}

const DAYS = 40;
/** The last day that is over in all time zones. */
const LAST = 2;

function dayBefore(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
}

async function group(db: Database): Promise<void> {
  const { rows } = await db.pool.query(
    `select merchant_id, day,
       sum(case when kind in ('capture', 'refund_failed', 'dispute_reversed') then amount_minor
                when kind in ('refund', 'dispute') then -amount_minor end) as gross,
       sum(case kind when 'fee' then amount_minor when 'fee_returned' then -amount_minor end) as fee,
       count(*) filter (where kind not in ('fee', 'fee_returned')) as count
     from money_ledger where currency = 'USD' and day between $1 and $2 group by merchant_id, day`,
    [dayBefore(DAYS), dayBefore(LAST)],
  );
  if (rows.length === 0) throw new Error('there is nothing to settle');
}

/** As its workflow does. */
async function settle(db: Database): Promise<void> {
  const days = { from: dayBefore(DAYS), to: dayBefore(LAST) };
  const request = { ...days, merchant: null, currency: 'USD', supplement: true };
  const { jobId } = await requestSettlement(db, { jobId: newId(), request, actor: 'bench', queueSize: 100 });
  for (;;) {
    const parts = (await beginSettlement(db, jobId, PARTS)) ?? [];
    await Promise.all(parts.map((part) => sumPart({ db, batch: BATCH }, { jobId, part })));
    if (await finishSettlement({ db, store: null, parts: PARTS }, jobId)) return;
  }
}
