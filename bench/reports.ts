import { numberEvents } from '../domain/event-log/sequencer';
import { seedTransactions } from '../domain/demo/transactions';
import { followSales } from '../domain/reports/sums';
import { dailyReport, monthlyReport } from '../domain/reports/sales';
import { openDatabase, type Database } from '../platform/database/database';
import { startBenchPostgres } from './servers';
import { median, timed } from './timed';
import { report, rounded } from './windows';

/** Orders of the last 30 days; BENCH_REPORTS_ORDERS for another number. */
const ORDERS = Number(process.env.BENCH_REPORTS_ORDERS ?? 1_000_000);
/** Of these so many are not in the sums: as many as come while a follower pauses, at a busy shop. */
const UNSUMMED = 500;
const ROUNDS = 20;

/** Milliseconds that a report of a day takes at so many orders, with some that are not in the sums; and of a month. */
export async function benchReports(): Promise<void> {
  const server = await startBenchPostgres();
  const db = openDatabase({ url: server.url, poolSize: 4, log: server.log, statementTimeoutMs: 0 });
  try {
    const seeded = await timed(() => seedTransactions(db, { rows: ORDERS * 1.5, currency: 'EUR' }));
    const numbered = await timed(() => numberAll(db));
    const followed = await timed(() => followAll(db));
    await seedTransactions(db, { rows: UNSUMMED * 1.5, currency: 'EUR' });
    await db.pool.query('vacuum analyze');
    const date = new Date(Date.now() - 5 * 86_400_000).toISOString().slice(0, 10);
    const daily: number[] = [];
    const monthly: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const options = { tz: 'Europe/Paris', products: 100 };
      daily.push((await timed(() => dailyReport(db, { date, ...options }))).seconds);
      if (round % 5 === 0)
        monthly.push((await timed(() => monthlyReport(db, { month: date.slice(0, 7), ...options }))).seconds);
    }
    const { rows } = await db.pool.query<{ orders: number; sums: number }>(
      'select (select count(*)::int from orders) as orders, (select count(*)::int from report_sales) as sums',
    );
    report({
      bench: 'reports',
      ...rows[0],
      seedSeconds: rounded(seeded.seconds),
      numberSeconds: rounded(numbered.seconds),
      followSeconds: rounded(followed.seconds),
      dailyMs: Math.round(1_000 * median(daily)),
      dailySlowestMs: Math.round(1_000 * Math.max(...daily)),
      monthlyMs: Math.round(1_000 * median(monthly)),
    });
  } finally {
    await db.close();
    await server.stop();
  }
}

async function numberAll(db: Database): Promise<void> {
  for (let quiet = 0; quiet < 2;) quiet = (await numberEvents(db)).numbered === 0 ? quiet + 1 : 0;
}

async function followAll(db: Database): Promise<void> {
  while ((await followSales(db)).found);
}
