import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { openDatabase, type Database } from '../../platform/database/database';
import { openListener, type Listener } from '../../platform/database/listener';
import { newId } from '../../platform/ids';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';

let database: TestDatabase;
let db: Database;
let listener: Listener;
let heard: string[];
let connections: number;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ url: database.url, poolSize: 2, log: testLogger() });
});

beforeEach(async () => {
  heard = [];
  connections = 0;
  listener = open(database.url);
  listener.on('holdfast_orders', (keys) => heard.push(...keys));
  listener.onReconnect(() => (connections += 1));
  await waitFor(() => listener.connected);
});

afterEach(() => listener.close());

afterAll(async () => {
  await db.close();
  await database.drop();
});

function open(url: string): Listener {
  return openListener({ url, channels: ['holdfast_orders', 'holdfast_outbox'], log: testLogger() });
}

function tell(key: string): Promise<void> {
  return db.transaction((tx) => {
    tx.notice('holdfast_orders', key);
    return Promise.resolve();
  });
}

async function killListener(): Promise<number> {
  const killed = await db.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'holdfast-listener'`,
  );
  return killed.rowCount ?? 0;
}

test('hears the keys of a notice, each by itself', async () => {
  const [one, two] = [newId(), newId()];
  await db.transaction((tx) => {
    tx.notice('holdfast_orders', one);
    tx.notice('holdfast_orders', two);
    return Promise.resolve();
  });
  await waitFor(() => heard.length === 2);
  expect(heard).toEqual([one, two]);
  expect(connections).toBe(1);
});

test('a notice without a key calls back with none', async () => {
  let calls = 0;
  listener.on('holdfast_outbox', (keys) => {
    expect(keys).toEqual([]);
    calls += 1;
  });
  await db.transaction((tx) => {
    tx.notice('holdfast_outbox', '');
    return Promise.resolve();
  });
  await waitFor(() => calls === 1);
  expect(heard).toEqual([]);
});

test('listens again after its backend was killed, as often as that happens, and says so each time', async () => {
  for (let round = 1; round <= 6; round++) {
    expect(await killListener()).toBe(1);
    await waitFor(() => connections === round + 1);
    const key = newId();
    await tell(key);
    await waitFor(() => heard.includes(key));
  }
});

test('who stopped listening is not called any more', async () => {
  let calls = 0;
  const stop = listener.on('holdfast_orders', () => (calls += 1));
  await tell(newId());
  await waitFor(() => calls === 1 && heard.length === 1);
  stop();
  await tell(newId());
  await waitFor(() => heard.length === 2);
  expect(calls).toBe(1);
});

test('a server that is away is tried again and again until the listener is closed', async () => {
  let attempts = 0;
  const away = createServer((socket) => {
    attempts += 1;
    socket.destroy();
  });
  away.listen(0, '127.0.0.1');
  await once(away, 'listening');
  const { port } = away.address() as AddressInfo;
  const refused = open(`postgresql://postgres@127.0.0.1:${port}/none`);
  await waitFor(() => attempts >= 3);
  expect(refused.connected).toBe(false);
  await refused.close();
  const before = attempts;
  // The fourth attempt would come within 400 ms.
  await delay(500);
  expect(attempts).toBe(before);
  away.close();
  await once(away, 'close');
});

test('closed at any moment it stays closed', async () => {
  for (let round = 0; round < 20; round++) {
    const short = open(database.url);
    await new Promise((resolve) => setTimeout(resolve, round));
    await short.close();
    expect(short.connected).toBe(false);
  }
  await waitFor(async () => {
    const found = await db.pool.query(
      `select 1 from pg_stat_activity where datname = current_database() and application_name = 'holdfast-listener'`,
    );
    return found.rowCount === 1;
  });
});
