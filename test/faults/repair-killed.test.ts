import { repairsOf } from '../../domain/assurance/repair/repair-script';
import { findInconsistencies } from '../../domain/assurance/run-check';
import { drainAllocation } from '../../domain/ordering/backorders/drain-allocation';
import { ensureBuilt } from '../cli/build';
import { startHoldfast, type Running } from '../cli/holdfast';
import { check, OWN_CHECKS } from '../consistency/support';
import { fingerprintOf, levelsOf, openOrderShop, type OrderShop } from '../db/support';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { scratchFolder } from '../support/servers';
import { waitFor } from '../support/wait';
import { untilIdle } from './assertions';
import { plantDefects, type Defect, type Defects } from './defects';
import { openBarriers, type Barriers } from './barrier';

let shop: OrderShop;
let barriers: Barriers;
let defects: Defects;
/** Has found them. */
let jobId: string;

beforeAll(ensureBuilt, 240_000);
beforeEach(async () => {
  shop = await openOrderShop();
  barriers = openBarriers(shop.url);
  defects = await plantDefects(shop);
  ({ jobId } = await check({ db: shop.db }));
});
afterEach(async () => {
  await barriers.releaseAll();
  await shop.close();
});

async function repair(): Promise<Running> {
  const cwd = await scratchFolder('repair');
  return startHoldfast(['repair', '--job', jobId, '--yes'], { cwd, env: { DATABASE_URL: shop.url } });
}

/** What is wrong now. */
async function wrong(): Promise<string[]> {
  const found: string[] = [];
  for (const id of OWN_CHECKS) {
    const findings = await findInconsistencies(
      { db: shop.db },
      { check: id, mode: 'full', graceSeconds: 60 },
    );
    found.push(...findings.map(({ subject, details }) => `${id} ${subject} ${JSON.stringify(details)}`));
  }
  return found;
}

/** Those whose repair writes rows, in the order in which the script makes them. */
async function inOrder(): Promise<Defect[]> {
  const ordered: Defect[] = [];
  for await (const { finding } of repairsOf(shop.db, jobId)) {
    const named = JSON.stringify(finding);
    ordered.push(...defects.all.filter(({ about }) => named.includes(about)));
  }
  expect(ordered).toHaveLength(defects.all.length);
  return ordered;
}

async function waiting(): Promise<number> {
  const found = await shop.db.pool.query(
    `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return found.rowCount ?? 0;
}

async function kill(process: Running): Promise<string> {
  process.kill('SIGKILL');
  return (await process.ended).stdout;
}

/** What the repairs have written to the ledger: each once. */
async function ledger(): Promise<string[]> {
  const found = await shop.db.pool.query<{ entry: string }>(
    `select concat_ws(' ', t.kind, p.sku, w.code, t.on_hand_delta, t.reserved_delta) as entry
     from inventory_transactions t join products p on p.id = t.product_id join warehouses w on w.id = t.warehouse_id
     where t.reference = $1 or t.kind = 'allocate' order by t.id`,
    [`job:${jobId}`],
  );
  return found.rows.map((row) => row.entry).sort();
}

/** All that is to be as it is when the repair was never disturbed. */
async function expectRepairedOnce(): Promise<void> {
  const { skus, endedOrderId, waitingOrderId } = defects;
  expect(await wrong()).toEqual([]);
  await expectInvariants(shop.db);
  expect(await ledger()).toEqual(
    [
      `repair ${skus.held} AMS 0 -2`,
      `allocate ${skus.held} AMS 0 2`,
      `repair ${skus.due} AMS 0 -2`,
      `repair ${skus.due} BER 0 -2`,
      `repair ${skus.ordered} AMS 0 -2`,
    ].sort(),
  );
  expect(await levelsOf(shop.db, skus.counted)).toEqual({ AMS: [5, 0] });
  expect(await levelsOf(shop.db, skus.held)).toEqual({ AMS: [3, 2] });
  expect(await levelsOf(shop.db, skus.due)).toEqual({ AMS: [5, 0], BER: [5, 0] });
  expect(await eventTypes(shop.db, endedOrderId)).toEqual([
    'order_placed',
    'stock_reserved',
    'hold_released',
  ]);

  const kept = await shop.db.pool.query<{ key: string }>(
    `select key from outbox where topic = 'allocation.drain'`,
  );
  expect(kept.rows).toHaveLength(1);
  for (const { key } of kept.rows) await drainAllocation(shop.db, key);
  const items = await shop.db.pool.query(
    'select reserved_quantity as reserved, backordered_quantity as waits from order_items where order_id = $1',
    [waitingOrderId],
  );
  expect(items.rows).toEqual([{ reserved: 2, waits: 0 }]);
  expect(await levelsOf(shop.db, skus.held)).toEqual({ AMS: [3, 2] });
  await expectInvariants(shop.db);
}

test('a repair that is killed in the middle of each of its transactions, and behind each, is finished by the last', async () => {
  const done = async (defect: Defect) => (await wrong()).filter((line) => !line.includes(defect.about));
  for (const defect of await inOrder()) {
    const before = await wrong();
    expect(before.join()).toContain(defect.about);
    for (const at of ['once', 'commit'] as const) {
      const barrier = await barriers.blockWrites({ ...defect.writes, at });
      const running = await repair();
      await barrier.reached();
      const said = await kill(running);
      expect(said.slice(said.indexOf('  done '))).not.toContain(defect.about);
      const left = at === 'once' ? before : await done(defect);
      await barrier.release();
      await untilIdle(shop);
      expect(await wrong()).toEqual(left);
    }
  }
  // All is repaired but what writes no rows, and it dies as it looks again.
  const barrier = await barriers.blockWrites({
    on: 'insert on consistency_checks',
    when: 'true',
    at: 'once',
  });
  const looking = await repair();
  await barrier.reached();
  await kill(looking);
  await barrier.release();
  await untilIdle(shop);

  const last = await (await repair()).ended;
  expect({ code: last.code, failed: last.stdout.match(/ {2}failed /g) }).toEqual({ code: 0, failed: null });
  const before = await fingerprintOf(shop.db);
  expect(await (await repair()).ended).toMatchObject({ code: 0 });
  // Each repair looks again at its end, in a job of its own, which is in the audit log and among the events.
  const looked = {
    jobs: before['jobs'],
    consistency_checks: before['consistency_checks'],
    audit_log: before['audit_log'],
    event_entries: before['event_entries'],
  };
  expect({ ...(await fingerprintOf(shop.db)), ...looked }).toEqual({ ...before });
  await expectRepairedOnce();
}, 400_000);

test('a repair that is started again while the dead one is still being committed waits for it, and makes nothing twice', async () => {
  const held = defects.all.find(({ about }) => about === defects.skus.held);
  if (!held) throw new Error('not planted');
  const barrier = await barriers.blockWrites({ ...held.writes, at: 'commit' });
  const first = await repair();
  await barrier.reached();
  await kill(first);
  const second = await repair();
  await waitFor(async () => (await waiting()) === 2);
  await barrier.release();
  expect(await second.ended).toMatchObject({ code: 0 });
  await expectRepairedOnce();
}, 120_000);
