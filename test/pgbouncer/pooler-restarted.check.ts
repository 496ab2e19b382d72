import { ensurePartitions } from '../../domain/stock/partitions/partitions';
import { openDatabase } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { openTestApi, type TestApi } from '../api/support';
import { addStock, openTestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { ENV } from '../support/run';
import { retryUntilFinal } from '../support/retry-until-final';
import { scratchFolder, testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { startPgBouncer, type PgBouncer } from './server';

/** A pooler that this test may stop. */
async function startPooler(runtimeUrl: string, port?: number): Promise<PgBouncer> {
  const [program = '', folder] = [process.env.PGBOUNCER_PATH, await scratchFolder('pooler')];
  return startPgBouncer({ program, runtimeUrl, folder, log: testLogger(), ...(port ? { port } : {}) });
}

test('while the pooler is away requests get 503 and nothing is half-done; when it is back they go on', async () => {
  const shop = await openTestShop();
  const first = await startPooler(shop.runtimeUrl);
  const shared = process.env[ENV.pooler];
  process.env[ENV.pooler] = first.address;
  const url = new URL(shop.runtimeUrl);
  url.host = first.address;
  const db = openDatabase({ url: url.href, directUrl: shop.runtimeUrl, poolSize: 10, log: testLogger() });
  let test: TestApi | undefined;
  let second: PgBouncer | undefined;
  try {
    test = await openTestApi({ shop: { ...shop, db: { ...db, pool: shop.db.pool } } });
    const { call } = test;
    await addStock(shop.db, 'A', 'AMS', 0);
    const adjust = (key: string) =>
      call('POST', '/inventory/A/adjust', {
        body: { location: 'AMS', delta: 1, reason: 'receipt' },
        headers: { 'idempotency-key': key },
      });
    const keys = Array.from({ length: 40 }, () => newId());
    const answers = new Map<string, number>();
    const sending = keys.map(async (key) => answers.set(key, (await adjust(key)).status));
    await waitFor(() => answers.size > 5);
    await first.stop();
    await Promise.all(sending);
    for (const status of answers.values()) expect([200, 201, 503]).toContain(status);
    expect(await adjust(newId())).toMatchObject({ status: 503, body: { code: 'DATABASE_UNAVAILABLE' } });
    expect(await call('GET', '//ready')).toMatchObject({ status: 503, body: { reasons: ['database_down'] } });
    expect((await call('GET', '//health')).status).toBe(200);
    // What goes past the pooler goes on.
    const listening = await shop.db.pool.query(
      `select from pg_stat_activity where datname = current_database() and application_name = 'holdfast-listener'`,
    );
    expect(listening.rowCount).toBe(1);
    expect(await ensurePartitions(db, 14)).toBe(2);

    second = await startPooler(shop.runtimeUrl, Number(new URL(`http://${first.address}`).port));
    expect(second.address).toBe(first.address);
    await waitFor(async () => (await call('GET', '//ready')).status === 200);
    // Sent again with their keys, whether they were answered or not; some are claimed until their lease ends.
    const final = await Promise.all(keys.map((key) => retryUntilFinal(() => adjust(key))));
    for (const { status } of final) expect([200, 201]).toContain(status);
    expect((await call('GET', '/inventory/A')).body.onHand).toBe(keys.length);
    await expectInvariants(shop.db);
  } finally {
    if (shared) process.env[ENV.pooler] = shared;
    await test?.close();
    await db.close();
    await second?.stop();
    await shop.close();
  }
});
