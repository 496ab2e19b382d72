import { recordEntries } from '../../domain/event-log/record';
import { recordStatements } from '../../bench/explain/recorder';
import { numberEvents, unnumberedSeconds } from '../../domain/event-log/sequencer';
import { appendEvents } from '../../domain/orders/events';
import type { Database } from '../../platform/database/database';
import { startEventSequencer } from '../../worker/event-sequencer';
import { addPaidOrder, addStock, openTestShop, type TestShop } from '../support/fixtures';
import { seededRandom } from '../support/random';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { gapsOf, insertEntry, numberAll, readAll, withOpenTransaction, withQueriesSeen } from './support';

/** How events get their positions. */

let shop: TestShop;
let db: Database;

beforeEach(async () => {
  shop = await openTestShop();
  db = shop.db;
});
afterEach(() => shop.close());

const record = (id: string) =>
  db.transaction((tx) =>
    recordEntries(tx, [{ type: 'job.started', subject: { type: 'job', id }, actor: 'test' }]),
  );

const subjects = async () => (await readAll(db, { types: ['job.started'] })).map(({ subject }) => subject.id);

test('every committed row of each source has one position, without gaps, in the order of the rows of an order', async () => {
  await addStock(db, 'A', 'AMS', 10);
  const { orderId } = await addPaidOrder(db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]);
  await db.transaction((tx) =>
    appendEvents(tx, [
      { orderId, type: 'payment_started' },
      { orderId, type: 'payment_captured' },
    ]),
  );
  await record('one');
  expect(await readAll(db)).toEqual([]);
  await numberAll(db);
  const events = await readAll(db, { limit: 1 });
  const { rows } = await db.pool.query<{ count: number }>(
    'select (select count(*) from inventory_transactions) + (select count(*) from order_events) + 1 as count',
  );
  expect(events.map(({ position }) => position)).toEqual(
    Array.from({ length: rows[0]?.count ?? 0 }, (_, n) => n + 1),
  );
  expect(new Set(events.map(({ type }) => type.split('.')[0]))).toEqual(new Set(['stock', 'payment', 'job']));
  expect(events.filter(({ subject }) => subject.id === orderId).map(({ type }) => type)).toEqual([
    'payment.started',
    'payment.captured',
  ]);
  // Again nothing is new, and nothing is written.
  expect(await numberEvents(db)).toEqual({ numbered: 0, hasMore: false });
  expect(await readAll(db)).toEqual(events);
});

test('an open transaction delays its own events only, and nothing of it is left out', async () => {
  await withOpenTransaction(db, async (open) => {
    await insertEntry(open, 'late');
    await record('early');
    await numberAll(db);
    expect(await subjects()).toEqual(['early']);
    const [early] = await readAll(db);
    expect(await gapsOf(db)).toMatchObject([{ source: 'entries', ids: '{[1,2)}' }]);
    await insertEntry(open, 'later');
    await record('after');
    await numberAll(db);
    expect(await subjects()).toEqual(['early', 'after']);
    await open.query('commit');
    await numberAll(db);
    expect(await subjects()).toEqual(['early', 'after', 'late', 'later']);
    expect((await readAll(db, { after: early?.position })).map(({ subject }) => subject.id)).toEqual([
      'after',
      'late',
      'later',
    ]);
    expect(await gapsOf(db)).toEqual([]);
  });
});

test('ids that were rolled back hold up nothing, and are forgotten', async () => {
  await withOpenTransaction(db, async (open) => {
    for (let n = 0; n < 100; n++) await insertEntry(open, `never-${n}`);
    await record('one');
    await numberAll(db);
    expect(await gapsOf(db)).toHaveLength(1);
    await open.query('rollback');
    await record('two');
    await numberAll(db);
    expect(await subjects()).toEqual(['one', 'two']);
    expect(await gapsOf(db)).toEqual([]);
  });
});

/** A row of each source, as if it had been written so many minutes ago. */
const LATE_ROWS = {
  inventory_transactions: `insert into inventory_transactions (at, product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     select clock_timestamp() - make_interval(mins => $1), p.id, w.id, 'adjust', 0, 0, gen_random_uuid() from products p, warehouses w limit 1`,
  order_events: `insert into order_events (at, order_id, seq, type)
     select clock_timestamp() - make_interval(mins => $1), id, 1000, 'payment_started' from orders limit 1`,
  audit_log: `insert into audit_log (at, actor, action, subject_type, subject_id)
     values (clock_timestamp() - make_interval(mins => $1), 'user:1', 'product.changed', 'product', 'A')`,
  event_entries: `insert into event_entries (at, type, subject_type, subject_id, actor)
     values (clock_timestamp() - make_interval(mins => $1), 'job.started', 'job', 'late', 'test')`,
};

test.each(Object.entries(LATE_ROWS))(
  'what has no position is as old as its oldest committed row, of %s',
  async (_, insert) => {
    const minutes = async () => Math.floor((await unnumberedSeconds(db)) / 60);
    await addStock(db, 'A', 'AMS', 10);
    await addPaidOrder(db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]);
    await record('one');
    expect(await unnumberedSeconds(db)).toBeGreaterThan(0);
    await numberAll(db);
    expect(await unnumberedSeconds(db)).toBe(0);
    await withOpenTransaction(db, async (open) => {
      await open.query(insert, [9]);
      await db.pool.query(insert.replace('1000', '1001'), [4]);
      expect(await minutes()).toBe(4);
      // It is passed now, and nobody can see it.
      await numberAll(db);
      expect(await unnumberedSeconds(db)).toBe(0);
      await open.query('commit');
      expect(await minutes()).toBe(9);
      await numberAll(db);
      expect(await unnumberedSeconds(db)).toBe(0);
    });
  },
);

test('how old the oldest row without a position is, is found by indexes, however many rows there are', async () => {
  await db.pool.query(
    `insert into event_entries (type, subject_type, subject_id, actor)
     select 'job.started', 'job', n::text, 'test' from generate_series(1, 20000) n`,
  );
  await numberAll(db);
  await record('new');
  await db.pool.query('analyze event_entries');
  const [statement] = await recordStatements(db, (on) => unnumberedSeconds(on));
  const client = await db.pool.connect();
  try {
    await client.query('set plan_cache_mode = force_generic_plan');
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      `explain (analyze, costs off, timing off) ${statement?.text ?? ''}`,
    );
    const plan = rows.map((row) => row['QUERY PLAN']);
    const scans = plan.filter((line) => line.includes(' on event_entries'));
    expect(scans.length).toBeGreaterThan(0);
    for (const scan of scans) expect(scan).toMatch(/Index.* Scan using event_entries_pkey|never executed/);
    const read = scans.map((scan) => Number(/actual rows=([\d.]+)/.exec(scan)?.[1] ?? 0));
    expect(read.reduce((sum, each) => sum + each, 0)).toBe(1);
  } finally {
    client.release(true);
  }
});

test('a gap is not read while nobody for whom it waits has ended', async () => {
  await withOpenTransaction(db, async (open) => {
    await insertEntry(open, 'late');
    await record('one');
    await numberAll(db);
    const version = () =>
      db.pool.query<{ xmin: string }>('select xmin::text from event_gaps').then(({ rows }) => rows);
    const before = await version();
    expect(before).toHaveLength(1);
    for (let turn = 0; turn < 3; turn++) expect(await numberEvents(db)).toMatchObject({ numbered: 0 });
    expect(await version()).toEqual(before);
    await open.query('commit');
    await numberAll(db);
    expect(await subjects()).toEqual(['one', 'late']);
  });
});

test('gaps that wait for an open transaction are not read, however many it lets grow', async () => {
  await withOpenTransaction(db, async (open) => {
    await insertEntry(open, 'late');
    await record('one');
    await numberAll(db);
    await db.pool.query(
      `insert into event_gaps (source, ids, waits_for) select source, int8multirange(int8range(1000 + n, 1001 + n)), waits_for
       from event_gaps, generate_series(1, 2000) n`,
    );
    await record('two');
    let read = 0;
    const counting = withQueriesSeen(db, (_, result) => {
      read += JSON.stringify(result).length;
    });
    expect(await numberEvents(counting)).toMatchObject({ numbered: 1 });
    expect(read).toBeLessThan(20_000);
    await open.query('commit');
    await numberAll(db);
    expect(await gapsOf(db)).toEqual([]);
    expect(await subjects()).toEqual(['one', 'two', 'late']);
  });
});

test('nobody is waited for who is not there any more, as after a crash or on another server', async () => {
  await record('one');
  await numberAll(db);
  await db.pool.query(
    `insert into event_gaps (source, ids, waits_for) values ('entries', '{[1000,1001)}', '{"9/999999"}'), ('ledger', '{[7,9)}', null)`,
  );
  await numberAll(db);
  expect(await gapsOf(db)).toEqual([]);
  expect(await subjects()).toEqual(['one']);
});

test('a large part is numbered in parts, the late ones too', async () => {
  await withOpenTransaction(db, async (open) => {
    for (let n = 0; n < 25; n++) await insertEntry(open, `late-${n}`);
    for (let n = 0; n < 25; n++) await record(`one-${n}`);
    expect(await numberEvents(db, { rowsPerTurn: 10 })).toEqual({ numbered: 10, hasMore: true });
    await open.query('commit');
    for (let turn = 0; turn < 20; turn++) await numberEvents(db, { rowsPerTurn: 10 });
    expect((await subjects()).sort()).toEqual(
      Array.from({ length: 25 }, (_, n) => [`late-${n}`, `one-${n}`])
        .flat()
        .sort(),
    );
    expect(await gapsOf(db)).toEqual([]);
  });
});

test.each(['try_sequencer_lock', 'state', 'fresh_entries', 'due_gaps', 'late_entries', 'write_turn'])(
  'what was written after something has committed comes after it, whenever both commit: after %s of a turn',
  async (statement) => {
    await withOpenTransaction(db, async (open) => {
      await insertEntry(open, 'first');
      await record('passed');
      await numberAll(db);
      expect(await gapsOf(db)).toHaveLength(1);
      await record('new');
      const interruption = { isDone: false };
      const interrupted = withQueriesSeen(db, async (name) => {
        if (name !== `event_log.${statement}` || interruption.isDone) return;
        interruption.isDone = true;
        await open.query('commit');
        await insertEntry(db.pool, 'second');
      });
      await numberEvents(interrupted);
      if (!interruption.isDone) {
        await open.query('commit');
        await record('second');
      }
      await numberAll(db);
      const order = await subjects();
      expect([...order].sort()).toEqual(['first', 'new', 'passed', 'second']);
      expect(order.indexOf('first')).toBeLessThan(order.indexOf('second'));
    });
  },
);

test('a sequencer that dies in its turn leaves nothing behind', async () => {
  await record('one');
  const blocker = await db.pool.connect();
  try {
    await blocker.query('begin');
    await blocker.query('select from event_head for update');
    const turn = numberEvents(db);
    const outcome = turn.then(
      () => 'ended',
      () => 'failed',
    );
    await waitFor(async () => {
      const { rowCount } = await db.pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock' and query like 'with given as%' and pid <> pg_backend_pid()`,
      );
      return rowCount === 1;
    });
    expect(await outcome).toBe('failed');
    await blocker.query('rollback');
  } finally {
    blocker.release();
  }
  const { rows } = await db.pool.query('select from event_batches');
  expect(rows).toEqual([]);
  await record('two');
  await numberAll(db);
  expect(await subjects()).toEqual(['one', 'two']);
});

test('positions stay the same when rows of the same batch are removed', async () => {
  for (let n = 0; n < 10; n++) await record(`e-${n}`);
  await numberAll(db);
  const before = await readAll(db);
  await db.pool.query(`delete from event_entries where subject_id in ('e-0', 'e-4', 'e-5')`);
  expect(await readAll(db, { limit: 2 })).toEqual(
    before.filter(({ subject }) => !['e-0', 'e-4', 'e-5'].includes(subject.id)),
  );
});

test('two sequencers and a reader beside writers that commit late and roll back: each event once, none before its position', async () => {
  const random = seededRandom();
  const sequencers = [0, 1].map(() => startEventSequencer({ db, log: testLogger() }));
  const seen: string[] = [];
  let after = 0;
  let writing = true;
  async function follow(): Promise<void> {
    for (;;) {
      const last = !writing;
      if (last) {
        await Promise.all(sequencers.map((sequencer) => sequencer.stop()));
        await numberAll(db);
      }
      for (const { position, subject } of await readAll(db, { after, limit: 5 })) {
        expect(position).toBeGreaterThan(after);
        after = position;
        seen.push(subject.id);
      }
      if (last) return;
      await new Promise(setImmediate);
    }
  }
  const committed: string[] = [];
  async function write(writer: number): Promise<void> {
    const client = await db.pool.connect();
    try {
      for (let n = 0; n < 40; n++) {
        const ids = Array.from({ length: random.whole(1, 3) }, (_, k) => `${writer}-${n}-${k}`);
        await client.query('begin');
        for (const id of ids) {
          await insertEntry(client, id);
          if (random.chance(0.3)) await client.query('select pg_sleep(0.01)');
        }
        const commits = random.chance(0.75);
        await client.query(commits ? 'commit' : 'rollback');
        if (commits) committed.push(...ids);
      }
    } finally {
      client.release();
    }
  }
  const following = follow();
  await Promise.all([1, 2, 3, 4].map(write));
  writing = false;
  await following;
  expect(seen).toHaveLength(new Set(seen).size);
  expect([...seen].sort()).toEqual([...committed].sort());
});
