import { Client } from 'pg';
import { openDatabase, type Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';

let database: TestDatabase;
let db: Database;
let listener: Client;
let heard: { channel: string; payload: string }[];

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ url: database.url, poolSize: 4, log: testLogger() });
  listener = new Client({ connectionString: database.url });
  listener.on('notification', ({ channel, payload = '' }) => heard.push({ channel, payload }));
  await listener.connect();
  await listener.query('listen holdfast_orders; listen holdfast_outbox');
});

beforeEach(() => {
  heard = [];
});

afterAll(async () => {
  await listener.end();
  await db.close();
  await database.drop();
});

function tell(...keys: string[]): Promise<void> {
  return db.transaction((tx) => {
    for (const key of keys) tx.notice('holdfast_orders', key);
    return Promise.resolve();
  });
}

/** What was heard by the time that a notice sent afterwards arrives. */
async function heardKeys(): Promise<string[]> {
  const last = newId();
  await tell(last);
  await waitFor(() => heard.some(({ payload }) => payload.endsWith(last)));
  return heard.flatMap(({ payload }) => payload.split(',')).filter((key) => key !== last);
}

test('a notice is heard once its transaction has committed', async () => {
  const key = newId();
  let early = true;
  await db.transaction(async (tx) => {
    tx.notice('holdfast_orders', key);
    await tx.query({ name: 'test.wait', text: 'select pg_sleep(0.05)' });
    early = heard.length > 0;
  });
  expect(early).toBe(false);
  expect(await heardKeys()).toEqual([key]);
});

test('a notice of a transaction that did not commit is never heard', async () => {
  const failing = db.transaction((tx) => {
    tx.notice('holdfast_orders', newId());
    return Promise.reject(new Error('no'));
  });
  await expect(failing).rejects.toThrow('no');
  expect(await heardKeys()).toEqual([]);
});

test('a notice of a key that was told of already in the same turn is folded', async () => {
  const key = newId();
  await tell(key, key, key);
  expect(await heardKeys()).toEqual([key]);
});

test('many ids are split over payloads that PostgreSQL takes, and none is lost', async () => {
  const keys = Array.from({ length: 1_001 }, newId);
  await tell(...keys);
  expect((await heardKeys()).sort()).toEqual([...keys].sort());
  expect(heard.length).toBeGreaterThanOrEqual(6);
  expect(Math.max(...heard.map(({ payload }) => Buffer.byteLength(payload)))).toBeLessThan(8_000);
});

test('transactions that commit one after another while a notice is under way are all told of', async () => {
  const keys = Array.from({ length: 300 }, newId);
  await Promise.all(keys.map((key) => tell(key)));
  expect((await heardKeys()).sort()).toEqual([...keys].sort());
  // Folded: far fewer statements than transactions.
  expect(heard.length).toBeLessThan(keys.length);
});

test('channels are distinguished, and a notice without a key has an empty payload', async () => {
  await db.transaction((tx) => {
    tx.notice('holdfast_outbox', '');
    tx.notice('holdfast_orders', 'o');
    return Promise.resolve();
  });
  await waitFor(() => heard.length === 2);
  expect(heard).toContainEqual({ channel: 'holdfast_outbox', payload: '' });
  expect(heard).toContainEqual({ channel: 'holdfast_orders', payload: 'o' });
});

test('closing waits until every notice has been sent', async () => {
  const closing = openDatabase({ url: database.url, poolSize: 2, log: testLogger() });
  const key = newId();
  await closing.transaction((tx) => {
    tx.notice('holdfast_orders', key);
    return Promise.resolve();
  });
  await closing.close();
  expect(await heardKeys()).toContain(key);
});

test('a notice that cannot be sent is dropped, and the work it tells of stands', async () => {
  const broken = openDatabase({ url: database.url, poolSize: 1, log: testLogger() });
  // Longer than PostgreSQL takes.
  const result = await broken.transaction((tx) => {
    tx.notice('holdfast_orders', 'x'.repeat(9_000));
    return Promise.resolve('done');
  });
  expect(result).toBe('done');
  const key = newId();
  await broken.transaction((tx) => {
    tx.notice('holdfast_orders', key);
    return Promise.resolve();
  });
  await broken.close();
  expect(await heardKeys()).toContain(key);
});
