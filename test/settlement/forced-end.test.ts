import { beginSettlement, sumPart } from '../../domain/settlement/run';
import { openDatabase, type Database } from '../../platform/database/database';
import { cancelStatement, selectBackend } from '../../platform/database/forced-end';
import { openBarriers } from '../faults/barrier';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { ask, enter } from './support';

let shop: TestShop;
beforeEach(async () => {
  shop = await openTestShop();
});
afterEach(() => shop.close());

test('a statement that runs is ended where that is forced', async () => {
  await enter(shop.db, { day: '2026-06-10', minor: 1 });
  const jobId = await ask(shop.db);
  const parts = (await beginSettlement(shop.db, jobId, 1)) ?? [];
  const force = new AbortController();
  const barrier = await openBarriers(shop.url).block('lock table settlement_sums in share mode');
  try {
    const signals = { signal: force.signal, force: force.signal };
    const summed = sumPart({ db: shop.db, batch: 10, ...signals }, { jobId, part: parts[0] ?? 0 });
    await barrier.reached();
    force.abort();
    expect(await summed).toBe(false);
  } finally {
    await barrier.release();
  }
});

test('one that begins after the cancellation was sent is ended all the same', async () => {
  await enter(shop.db, { day: '2026-06-10', minor: 1 });
  const jobId = await ask(shop.db);
  const [part = 0] = (await beginSettlement(shop.db, jobId, 1)) ?? [];
  const force = new AbortController();
  const [betweenStatements, sent] = [signalled(), signalled()];
  const db: Database = {
    ...shop.db,
    async query(statement) {
      const result = await shop.db.query(statement);
      if (statement.name === 'forced_end.cancel_statement') sent.tell();
      return result;
    },
    transaction: (work) =>
      shop.db.transaction((tx, commitEarly) =>
        work(
          {
            ...tx,
            async query(statement) {
              if (statement.name === 'settlement.sum_days') {
                betweenStatements.tell();
                await sent.told;
              }
              return tx.query(statement);
            },
          },
          commitEarly,
        ),
      ),
  };
  const barrier = await openBarriers(shop.url).block('lock table settlement_sums in share mode');
  try {
    const summed = sumPart({ db, batch: 10, force: force.signal }, { jobId, part });
    await betweenStatements.told;
    force.abort();
    expect(await summed).toBe(false);
    expect(await sumPart({ db, batch: 10, force: force.signal }, { jobId, part })).toBe(false);
  } finally {
    await barrier.release();
  }
});

function signalled(): { told: Promise<void>; tell: () => void } {
  let tell = (): void => undefined;
  const told = new Promise<void>((resolve) => (tell = resolve));
  return { told, tell: () => tell() };
}

async function isRunning(pid: number, query: string): Promise<boolean> {
  const { rowCount } = await shop.db.pool.query(
    `select from pg_stat_activity where pid = $1 and state = 'active' and query = $2`,
    [pid, query],
  );
  return rowCount === 1;
}

test('a statement that a connection runs later is not ended', async () => {
  const single = openDatabase({ url: shop.runtimeUrl, poolSize: 1, log: testLogger() });
  try {
    const past = await single.transaction(selectBackend);
    const asked = single.transaction(async (tx) => {
      const now = await selectBackend(tx);
      expect(now.pid).toBe(past.pid);
      const running = tx.query({ name: 'test.sleep', text: 'select pg_sleep(1)' });
      await waitFor(() => isRunning(now.pid, 'select pg_sleep(1)'));
      expect(await cancelStatement(shop.db, past)).toBe(0);
      await running;
      const next = tx.query({ name: 'test.sleep_long', text: 'select pg_sleep(20)' });
      await waitFor(() => isRunning(now.pid, 'select pg_sleep(20)'));
      expect(await cancelStatement(shop.db, now)).toBe(1);
      await next;
    });
    await expect(asked).rejects.toMatchObject({ code: '57014' });
  } finally {
    await single.close();
  }
});
