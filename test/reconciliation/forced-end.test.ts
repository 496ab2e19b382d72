import { readJob, requestCancel } from '../../domain/jobs/jobs';
import { collectEntries, compareEntries } from '../../domain/reconciliation/run';
import { openBarriers } from '../faults/barrier';
import { openTestShop, type TestShop } from '../support/fixtures';
import { carryOut, differencesOf, fill, namesOf, upload } from './support';

let shop: TestShop;
beforeEach(async () => {
  shop = await openTestShop();
  await fill(shop, 2);
});
afterEach(() => shop.close());

const FILE = 'type,source,currency,amount,created\ncharge,pi_1,usd,1000.01,2026-06-02\n';

/** Runs a step that waits for a lock on a table, and forces its end. */
async function forced<T>(table: string, step: (force: AbortSignal) => Promise<T>): Promise<T> {
  const force = new AbortController();
  const barrier = await openBarriers(shop.url).block(`lock table ${table} in share mode`);
  try {
    const running = step(force.signal);
    await barrier.reached();
    force.abort();
    return await running;
  } finally {
    await barrier.release();
  }
}

test('the statement that runs is ended where that is forced, and nothing of it stays', async () => {
  const jobId = await upload(shop.db, FILE);
  expect(await forced('reconciliation_entries', (force) => collectEntries(shop.db, jobId, force))).toBe(
    false,
  );
  expect(await collectEntries(shop.db, jobId)).toBe(true);
  expect(
    await forced('reconciliation_differences', (force) => compareEntries(shop.db, jobId, force)),
  ).toBeNull();
  expect(await differencesOf(shop.db, jobId)).toEqual([]);
  expect(await readJob(shop.db, jobId)).toMatchObject({ status: 'running' });
  // A worker that is told of it again, or that goes on after a restart, comes to the same.
  expect(namesOf(await carryOut(shop.db, jobId))).toEqual(['missing_there pi_2']);
});

test('one whose end is asked for without force is ended between its steps', async () => {
  const jobId = await upload(shop.db, FILE);
  await requestCancel(shop.db, jobId, 'user:anna');
  expect(await collectEntries(shop.db, jobId)).toBe(false);
});
