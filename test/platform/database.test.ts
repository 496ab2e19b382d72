import { createServer, type AddressInfo, type Socket } from 'node:net';
import {
  backoffMs,
  execute,
  maybeOne,
  one,
  openDatabase,
  many,
  type Database,
} from '../../platform/database/database';
import { isLostConnection } from '../../platform/errors';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { testLogger } from '../support/servers';

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ url: database.url, poolSize: 4, log: testLogger() });
  await db.pool.query('create table notes (id int primary key, text text not null)');
});

beforeEach(() => db.pool.query(`truncate notes; insert into notes values (1, 'one'), (2, 'two')`));

afterAll(async () => {
  await db.close();
  await database.drop();
});

const add = 'insert into notes values ($1, $2)';

function notes(): Promise<{ id: number; text: string }[]> {
  return many(db, 'test.notes', 'select id, text from notes order by id');
}

test('a whole number of 64 bits is read as it is', async () => {
  const row = await one<{ small: unknown; large: unknown }>(
    db,
    'test.large',
    `select 9007199254740991::bigint as small, 9007199254740993::bigint as large`,
  );
  expect(row).toEqual({ small: Number.MAX_SAFE_INTEGER, large: 9_007_199_254_740_993n });
});

test('a transaction keeps all of its work, or none', async () => {
  await db.transaction((tx) => execute(tx, 'test.add', add, [3, 'three']));
  const failing = db.transaction(async (tx) => {
    await execute(tx, 'test.add', add, [4, 'four']);
    await execute(tx, 'test.add', add, [1, 'again']);
  });
  await expect(failing).rejects.toMatchObject({ code: '23505' });
  expect((await notes()).map((note) => note.id)).toEqual([1, 2, 3]);
});

test('a transaction that swallowed the error of a statement is not taken for committed', async () => {
  const swallowing = db.transaction(async (tx) => {
    await execute(tx, 'test.add', add, [3, 'three']);
    await execute(tx, 'test.add', add, [1, 'again']).catch(() => undefined);
  });
  await expect(swallowing).rejects.toThrow('not committed');
  expect(await notes()).toHaveLength(2);
});

test('of statements that are sent together the first that failed says why, whoever waits for it', async () => {
  const failing = db.transaction(async (tx) => {
    const failed = execute(tx, 'test.add', add, [1, 'again']);
    const slow = Promise.all([Promise.all([Promise.all([failed])])]);
    await Promise.all([slow, execute(tx, 'test.add', add, [3, 'three'])]);
  });
  await expect(failing).rejects.toMatchObject({ code: '23505' });
});

test('a transaction that sends its commit early keeps all of its work', async () => {
  const result = await db.transaction(async (tx, commitEarly) => {
    const added = execute(tx, 'test.add', add, [3, 'three']);
    commitEarly();
    await expect(execute(tx, 'test.add', add, [4, 'four'])).rejects.toThrow('has ended');
    return added;
  });
  expect(result).toBe(1);
  expect((await notes()).map((note) => note.id)).toEqual([1, 2, 3]);
});

test('a statement that fails before a commit that was sent early undoes the whole transaction', async () => {
  const failing = db.transaction(async (tx, commitEarly) => {
    const first = execute(tx, 'test.add', add, [3, 'three']);
    const second = execute(tx, 'test.add', add, [1, 'again']);
    commitEarly();
    await first;
    return second;
  });
  await expect(failing).rejects.toMatchObject({ code: '23505' });
  expect((await notes()).map((note) => note.id)).toEqual([1, 2]);
});

test('a deadlock costs one of the two a second try, and neither its work', async () => {
  let ran = 0;
  let holding = 0;
  let bothHoldTheirFirst: () => void = () => undefined;
  const crossing = new Promise<void>((resolve) => (bothHoldTheirFirst = resolve));
  const both = (first: number, second: number) =>
    db.retrying(async (tx) => {
      ran += 1;
      const update = 'update notes set text = text || $2 where id = $1';
      await execute(tx, 'test.append', update, [first, '+']);
      holding += 1;
      if (holding === 2) bothHoldTheirFirst();
      await crossing;
      await execute(tx, 'test.append', update, [second, '+']);
    });
  await Promise.all([both(1, 2), both(2, 1)]);
  expect((await notes()).map((note) => note.text)).toEqual(['one++', 'two++']);
  expect(ran).toBeGreaterThan(2);
});

test('a connection that is killed in mid-transaction is made again, and the work done once', async () => {
  let ran = 0;
  await db.retrying(async (tx) => {
    ran += 1;
    await execute(tx, 'test.add', add, [3, 'three']);
    if (ran > 1) return;
    const me = await maybeOne<{ pid: number }>(tx, 'test.pid', 'select pg_backend_pid() as pid');
    await db.pool.query('select pg_terminate_backend($1)', [me?.pid]);
  });
  expect(ran).toBe(2);
  expect(await notes()).toHaveLength(3);
});

test('what would only fail again is not tried again, and what always fails is given up', async () => {
  let ran = 0;
  const broken = db.retrying((tx) => {
    ran += 1;
    return execute(tx, 'test.add', add, [1, 'again']);
  });
  await expect(broken).rejects.toMatchObject({ code: '23505' });
  expect(ran).toBe(1);
  const hopeless = db.retrying(
    () => {
      ran += 1;
      return Promise.reject(Object.assign(new Error('busy'), { code: '55P03' }));
    },
    { attempts: 3 },
  );
  await expect(hopeless).rejects.toMatchObject({ code: '55P03' });
  expect(ran).toBe(4);
});

test('big counters are numbers, and a list that is built runs through the same pool', async () => {
  expect(await maybeOne(db, 'test.big', 'select 9007199254740991::bigint as big')).toEqual({
    big: 9007199254740991,
  });
  const built = db.builder('notes').select('text').where('id', '>', 1);
  expect(await db.list(built)).toEqual([{ text: 'two' }]);
});

test('the wait before a retry grows, is jittered and is capped', () => {
  for (let attempt = 0; attempt < 20; attempt++) {
    const wait = backoffMs(attempt, 10, 500);
    expect(wait).toBeGreaterThanOrEqual(0);
    expect(wait).toBeLessThan(Math.min(500, 10 * 2 ** attempt));
  }
  expect(new Set(Array.from({ length: 10 }, () => backoffMs(5))).size).toBeGreaterThan(1);
  // Of 1,000 waits that are even over their range, the longest is near its end but for one time in 10^45.
  const longest = (attempt: number) =>
    Math.max(...Array.from({ length: 1_000 }, () => backoffMs(attempt, 10, 500)));
  for (const [attempt, end] of [
    [0, 10],
    [3, 80],
    [5, 320],
    [6, 500],
    [20, 500],
  ] as const) {
    expect(longest(attempt)).toBeGreaterThan(0.9 * end);
  }
});

describe('a query that says how many rows it means', () => {
  const all = 'select id from notes order by id';
  const none = 'select id from notes where id = 0';

  test('returns them all, one or none, or the one there always is', async () => {
    expect(await many(db, 'test.all_ids', all)).toEqual([{ id: 1 }, { id: 2 }]);
    expect(await maybeOne(db, 'test.no_id', none)).toBeUndefined();
    expect(await one(db, 'test.count_notes', 'select count(*)::int as notes from notes')).toEqual({
      notes: 2,
    });
  });

  test('fails when there are more, or fewer', async () => {
    await expect(maybeOne(db, 'test.all_ids', all)).rejects.toThrow('test.all_ids: at most one row');
    await expect(one(db, 'test.all_ids', all)).rejects.toThrow('at most one row');
    await expect(one(db, 'test.no_id', none)).rejects.toThrow('test.no_id: one row was expected');
  });
});

describe('inside a transaction nothing runs on the pool', () => {
  const refused = 'inside a transaction must run on that transaction';

  test.each<[string, () => Promise<unknown>]>([
    ['a statement', () => notes()],
    ['a built list', () => db.list(db.builder('notes').select('text'))],
    ['another transaction', () => db.transaction(() => Promise.resolve())],
    ['a transaction that is retried', () => db.retrying(() => Promise.resolve())],
  ])('not %s', async (_what, onThePool) => {
    await expect(db.transaction(() => onThePool())).rejects.toThrow(refused);
    await expect(db.transaction(() => Promise.resolve().then(onThePool))).rejects.toThrow(refused);
  });

  test('what runs beside it may use the pool, and so may what follows it', async () => {
    const beside = db.transaction((tx) => execute(tx, 'test.add', add, [3, 'three']));
    expect(await Promise.all([beside, notes()])).toHaveLength(2);
    expect(await notes()).toHaveLength(3);
  });
});

test('a server that takes a connection and never says anything is a lost connection, also for a load', async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const away = openDatabase({
    url: `postgres://nobody@127.0.0.1:${port}/none`,
    poolSize: 1,
    log: testLogger(),
  });
  const [bulk, pooled] = await Promise.allSettled([
    away.bulk(() => Promise.resolve()),
    away.transaction(() => Promise.resolve()),
  ]);
  for (const ended of [bulk, pooled]) {
    expect(ended.status === 'rejected' && isLostConnection(ended.reason)).toBe(true);
  }
  await away.close();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
});
