import tearDownServers from '../support/global-teardown';
import { CONSOLE } from './server';

/** Fails where the tests have gone past the pooler. */
export default async function tearDown(): Promise<void> {
  const pooler = globalThis.holdfastTestPooler;
  const stats = (await pooler?.show('SHOW STATS_TOTALS')) ?? [];
  // Its console is a database too.
  const ofTests = stats.filter(({ database }) => database !== CONSOLE);
  const count = ofTests.reduce((sum, row) => sum + Number(row.xact_count), 0);
  await pooler?.stop();
  await tearDownServers();
  process.stdout.write(`${count} transactions went through PgBouncer.\n`);
  if (count === 0) throw new Error('no test has used PgBouncer');
}
