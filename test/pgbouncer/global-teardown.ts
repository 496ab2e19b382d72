import tearDownServers from '../support/global-teardown';

/** Fails where the tests have gone past the pooler. */
export default async function tearDown(): Promise<void> {
  const pooler = globalThis.holdfastTestPooler;
  const count = (await pooler?.show('SHOW STATS_TOTALS'))?.reduce(
    (sum, row) => sum + Number(row.xact_count),
    0,
  );
  await pooler?.stop();
  await tearDownServers();
  process.stdout.write(`${count ?? 0} transactions went through PgBouncer.\n`);
  if (!count) throw new Error('no test has used PgBouncer');
}
