import { openDatabase, type Database } from '../../platform/database/database';
import { claim, enqueue, finish, postpone } from '../../platform/database/outbox';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ url: database.url, poolSize: 10, log: testLogger() });
});

beforeEach(() => db.pool.query('delete from outbox'));

afterAll(async () => {
  await db.close();
  await database.drop();
});

function leave(...keys: string[]): Promise<void> {
  return db.transaction((tx) =>
    enqueue(
      tx,
      keys.map((key) => ({ topic: 'order.wake', key })),
    ),
  );
}

async function claimedKeys(limit = 100, leaseSeconds = 30): Promise<string[]> {
  return (await claim(db, limit, leaseSeconds)).map((message) => message.key);
}

test('a message is there when its transaction has committed, and never when it has not', async () => {
  await leave('one', 'two');
  const failing = db.transaction(async (tx) => {
    await enqueue(tx, [{ topic: 'order.wake', key: 'never' }]);
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect((await claimedKeys()).sort()).toEqual(['one', 'two']);
});

test('no messages need no statement', async () => {
  await db.transaction((tx) => enqueue(tx, []));
  await finish(db, []);
  await postpone(db, [], 1);
  expect(await claimedKeys()).toEqual([]);
});

test('what is claimed is not claimed again during its lease, and is when that has run out', async () => {
  await leave('a');
  expect(await claim(db, 10, 0.05)).toMatchObject([{ topic: 'order.wake', key: 'a', attempts: 0 }]);
  const [again] = await waitFor(async () => {
    const messages = await claim(db, 10, 30);
    return messages.length > 0 ? messages : undefined;
  });
  expect(again).toMatchObject({ key: 'a', attempts: 1 });
  expect(await claimedKeys()).toEqual([]);
});

test('the oldest are claimed first, as many as asked for', async () => {
  for (const key of ['a', 'b', 'c']) await leave(key);
  expect((await claimedKeys(2)).sort()).toEqual(['a', 'b']);
  expect(await claimedKeys(2)).toEqual(['c']);
});

test('relays that claim at the same moment share the messages, each to one', async () => {
  await leave(...Array.from({ length: 200 }, (_, n) => `m-${n}`));
  const claims = await Promise.all(Array.from({ length: 10 }, () => claimedKeys(40)));
  const all = claims.flat();
  expect(new Set(all).size).toBe(all.length);
  const rest = await claimedKeys(200);
  expect(all.length + rest.length).toBe(200);
});

test('what is finished is gone, and what is postponed comes back when it is time', async () => {
  await leave('done', 'later');
  const claimed = await claim(db, 10, 30);
  const named = (key: string) => claimed.filter((message) => message.key === key);
  await finish(
    db,
    named('done').map(({ id }) => id),
  );
  await postpone(db, named('later'), 0);
  const again = await claim(db, 10, 0);
  expect(again.map(({ key }) => key)).toEqual(['later']);
  await postpone(db, again, 60);
  expect(await claimedKeys()).toEqual([]);
  expect((await db.pool.query('select key from outbox')).rows).toEqual([{ key: 'later' }]);
});

test('who has lost a message to another claim neither puts it back nor keeps it, and may say that it is delivered', async () => {
  await leave('a');
  const first = await claim(db, 10, 0);
  const second = await claim(db, 10, 30);
  expect(second).toMatchObject([{ key: 'a', attempts: 1 }]);
  await postpone(db, first, 0);
  expect(await claimedKeys()).toEqual([]);
  await postpone(db, second, 0);
  expect(await claimedKeys()).toEqual(['a']);
  await finish(
    db,
    first.map(({ id }) => id),
  );
  expect((await db.pool.query('select key from outbox')).rows).toEqual([]);
});

test('a message written while another transaction holds one open is not waited for', async () => {
  let release = (): void => undefined;
  const open = new Promise<void>((resolve) => (release = resolve));
  await leave('held', 'free');
  const [held] = (await db.pool.query<{ id: number }>(`select id from outbox where key = 'held'`)).rows;
  const holding = db.transaction(async (tx) => {
    await tx.query({
      name: 'test.hold',
      text: 'select 1 from outbox where id = $1 for update',
      values: [held?.id],
    });
    await open;
  });
  await waitFor(async () => {
    const locked = await db.pool.query(`select id from outbox where key = 'held' for update skip locked`);
    return locked.rowCount === 0;
  });
  expect(await claimedKeys()).toEqual(['free']);
  release();
  await holding;
  expect(await claimedKeys()).toEqual(['held']);
});
