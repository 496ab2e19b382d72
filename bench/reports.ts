import { numberEvents } from '../domain/event-log/sequencer';
import { seedTransactions } from '../domain/demo/transactions';
import { costReport } from '../domain/reports/cost';
import { followSales } from '../domain/reports/sums';
import { dailyReport, monthlyReport } from '../domain/reports/sales';
import { openDatabase, type Database } from '../platform/database/database';
import { startBenchPostgres } from './servers';
import { timed } from './timed';
import { percentile, report, rounded } from './windows';

/** Orders of the last 30 days; BENCH_REPORTS_ORDERS for another number. */
const ORDERS = Number(process.env.BENCH_REPORTS_ORDERS ?? 1_000_000);
/** Of these so many are not in the sums: as many as come while a follower pauses, at a busy shop. */
const UNSUMMED = 500;
const ROUNDS = 50;
const COLD_ROUNDS = 10;
const TZ = 'Europe/Paris';

/** What products sold in a period, from the ledger itself: the least that a report without sums would read. */
const RAW = `select t.product_id, t.warehouse_id, i.merchant_id, o.currency, sum(-t.on_hand_delta), sum(-t.on_hand_delta * i.unit_price_minor)
  from inventory_transactions t join orders o on o.id = t.order_id
  join order_items i on i.order_id = t.order_id and i.product_id = t.product_id
  where t.kind = 'ship' and t.at >= $1 and t.at < $2 group by 1, 2, 3, 4`;

/**
 * Milliseconds that reports of a day, of a month and of the cost of goods take at so many orders, with some that are not in the sums; beside the
 * bare `GROUP BY` of the day's rows. `cold` is the first report of a connection.
 */
export async function benchReports(): Promise<void> {
  const server = await startBenchPostgres();
  const open = () => openDatabase({ url: server.url, poolSize: 4, log: server.log, statementTimeoutMs: 0 });
  const db = open();
  try {
    const seeded = await timed(() => seedTransactions(db, { rows: ORDERS * 1.5, currency: 'EUR' }));
    const numbered = await timed(() => numberAll(db));
    const followed = await timed(() => followAll(db));
    await seedTransactions(db, { rows: UNSUMMED * 1.5, currency: 'EUR' });
    await db.pool.query('vacuum analyze');
    const date = new Date(Date.now() - 5 * 86_400_000).toISOString().slice(0, 10);
    const month = date.slice(0, 7);
    const day = { date, tz: TZ, products: 100 };
    const { from, to } = await dailyReport(db, day);
    const { rows } = await db.pool.query<{ orders: number; sums: number }>(
      `select (select count(*)::int from orders) as orders, (select count(*)::int from report_products) as sums`,
    );
    report({
      bench: 'reports',
      ...rows[0],
      seedSeconds: rounded(seeded.seconds),
      numberSeconds: rounded(numbered.seconds),
      followSeconds: rounded(followed.seconds),
      ...timesOf('daily', await times(ROUNDS, () => dailyReport(db, day))),
      ...timesOf('dailyCold', await timesCold(open, (fresh) => dailyReport(fresh, day))),
      ...timesOf('dailyRaw', await times(5, () => db.pool.query(RAW, [from, to]))),
      ...timesOf('monthly', await times(ROUNDS, () => monthlyReport(db, { month, tz: TZ, products: 100 }))),
      ...timesOf(
        'monthlyCold',
        await timesCold(open, (fresh) => monthlyReport(fresh, { month, tz: TZ, products: 100 })),
      ),
      ...timesOf('costOfGoods', await times(ROUNDS, () => costReport(db, { month, tz: TZ }))),
    });
  } finally {
    await db.close();
    await server.stop();
  }
}

/** Milliseconds of each of so many rounds. */
async function times(rounds: number, work: () => Promise<unknown>): Promise<number[]> {
  const found: number[] = [];
  for (let round = 0; round < rounds; round++) found.push((await timed(work)).seconds * 1_000);
  return found;
}

/** The same of the first report of a connection. */
async function timesCold(open: () => Database, work: (db: Database) => Promise<unknown>): Promise<number[]> {
  const found: number[] = [];
  for (let round = 0; round < COLD_ROUNDS; round++) {
    const fresh = open();
    try {
      // Connected, and nothing prepared.
      await fresh.pool.query('select');
      found.push((await timed(() => work(fresh))).seconds * 1_000);
    } finally {
      await fresh.close();
    }
  }
  return found;
}

function timesOf(name: string, latenciesMs: number[]): Record<string, number> {
  const of = (rank: number) => Math.round(percentile([{ seconds: 0, latenciesMs }], rank));
  return { [`${name}P50Ms`]: of(50), [`${name}P99Ms`]: of(99) };
}

async function numberAll(db: Database): Promise<void> {
  for (let quiet = 0; quiet < 2;) quiet = (await numberEvents(db)).numbered === 0 ? quiet + 1 : 0;
}

async function followAll(db: Database): Promise<void> {
  while ((await followSales(db)).found);
}
