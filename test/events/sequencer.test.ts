import { recordEntries } from '../../domain/event-log/record';
import { numberEvents } from '../../domain/event-log/sequencer';
import { appendEvents } from '../../domain/orders/events';
import type { Database } from '../../platform/database/database';
import { startEventSequencer } from '../../worker/event-sequencer';
import { addPaidOrder, addStock, openTestShop, type TestShop } from '../support/fixtures';
import { seededRandom } from '../support/random';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { gapsOf, insertEntry, numberAll, readAll } from './support';

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
  const open = await db.pool.connect();
  try {
    await open.query('begin');
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
  } finally {
    open.release();
  }
});

test('ids that were rolled back hold up nothing, and are forgotten', async () => {
  const open = await db.pool.connect();
  try {
    await open.query('begin');
    for (let n = 0; n < 100; n++) await insertEntry(open, `never-${n}`);
    await record('one');
    await numberAll(db);
    expect(await gapsOf(db)).toHaveLength(1);
    await open.query('rollback');
    await record('two');
    await numberAll(db);
    expect(await subjects()).toEqual(['one', 'two']);
    expect(await gapsOf(db)).toEqual([]);
  } finally {
    open.release();
  }
});

test('a gap is not read while nobody for whom it waits has ended', async () => {
  const open = await db.pool.connect();
  try {
    await open.query('begin');
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
  } finally {
    open.release();
  }
});

test('gaps that wait for an open transaction are not read, however many it lets grow', async () => {
  const open = await db.pool.connect();
  try {
    await open.query('begin');
    await insertEntry(open, 'late');
    await record('one');
    await numberAll(db);
    await db.pool.query(
      `insert into event_gaps (source, ids, waits_for) select source, int8multirange(int8range(1000 + n, 1001 + n)), waits_for
       from event_gaps, generate_series(1, 2000) n`,
    );
    await record('two');
    let read = 0;
    const counting: Database = {
      ...db,
      transaction: (work) =>
        db.transaction((tx, commitEarly) =>
          work(
            {
              ...tx,
              async query(sent) {
                const result = await tx.query(sent);
                read += JSON.stringify(result).length;
                return result;
              },
            },
            commitEarly,
          ),
        ),
    };
    expect(await numberEvents(counting)).toMatchObject({ numbered: 1 });
    expect(read).toBeLessThan(20_000);
    await open.query('commit');
    await numberAll(db);
    expect(await gapsOf(db)).toEqual([]);
    expect(await subjects()).toEqual(['one', 'two', 'late']);
  } finally {
    open.release();
  }
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
  const open = await db.pool.connect();
  try {
    await open.query('begin');
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
  } finally {
    open.release();
  }
});

test.each(['try_sequencer_lock', 'state', 'fresh_entries', 'due_gaps', 'late_entries', 'write_turn'])(
  'what was written after something has committed comes after it, whenever both commit: after %s of a turn',
  async (statement) => {
    const open = await db.pool.connect();
    try {
      await open.query('begin');
      await insertEntry(open, 'first');
      await record('passed');
      await numberAll(db);
      expect(await gapsOf(db)).toHaveLength(1);
      await record('new');
      const interruption = { isDone: false };
      const interrupted: Database = {
        ...db,
        transaction: (work) =>
          db.transaction((tx, commitEarly) =>
            work(
              {
                ...tx,
                async query(sent) {
                  const result = await tx.query(sent);
                  if (sent.name === `event_log.${statement}` && !interruption.isDone) {
                    interruption.isDone = true;
                    await open.query('commit');
                    await insertEntry(db.pool, 'second');
                  }
                  return result;
                },
              },
              commitEarly,
            ),
          ),
      };
      await numberEvents(interrupted);
      if (!interruption.isDone) {
        await open.query('commit');
        await record('second');
      }
      await numberAll(db);
      const order = await subjects();
      expect([...order].sort()).toEqual(['first', 'new', 'passed', 'second']);
      expect(order.indexOf('first')).toBeLessThan(order.indexOf('second'));
    } finally {
      open.release();
    }
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
