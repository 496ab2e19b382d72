import { newId } from '../../platform/ids';
import { enqueue } from '../../platform/database/outbox';
import { createReceivers } from '../../worker/outbox/receivers';
import { startRelay, type Relay } from '../../worker/outbox/relay';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { openEngine, receiverContext, type TestEngine } from './engine';

/** Who delivers a message, and for how long it is theirs. */

let shop: TestShop;
let engine: TestEngine;
const relays: Relay[] = [];

beforeEach(async () => {
  [shop, engine] = await Promise.all([openTestShop(), openEngine()]);
});

afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
  await engine.close();
  await shop.close();
});

/** Deliveries that end when the test says so. */
function gate() {
  const begun: string[] = [];
  let open: () => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const ended = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  let now = 0;
  let most = 0;
  return {
    begun,
    open: () => open(),
    fail: (error: Error) => fail(error),
    /** Deliveries at the same time, at most. */
    most: () => most,
    async receive(key: string): Promise<void> {
      begun.push(key);
      now += 1;
      most = Math.max(most, now);
      await ended.finally(() => (now -= 1));
    },
  };
}

function openRelay(receive: (key: string) => Promise<void>, leaseSeconds?: number): Relay {
  const relay = startRelay({
    db: shop.db,
    databaseUrl: shop.url,
    log: testLogger(),
    ...(leaseSeconds === undefined ? {} : { leaseSeconds }),
    receivers: {
      ...createReceivers(receiverContext(shop.db, engine)),
      'allocation.drain': { key: 'reservationId', receive },
    },
  });
  relays.push(relay);
  return relay;
}

const send = (key: string) => shop.db.transaction((tx) => enqueue(tx, [{ topic: 'allocation.drain', key }]));

async function messages() {
  const { rows } = await shop.db.pool.query<{ attempts: number; left: number }>(
    `select attempts, extract(epoch from available_at - clock_timestamp())::float as left from outbox order by id`,
  );
  return rows;
}

const isEmpty = async () => (await messages()).length === 0;

test('a delivery that takes longer than a lease is left to the relay that makes it', async () => {
  const slow = gate();
  const leaseSeconds = 2;
  for (let n = 0; n < 2; n++) openRelay(slow.receive, leaseSeconds);
  await send(newId());
  const leasedUntil = async () => {
    const { rows } = await shop.db.pool.query<{ micros: number }>(
      `select (extract(epoch from available_at) * 1000000)::bigint as micros from outbox where attempts > 0`,
    );
    return rows[0]?.micros;
  };
  const first = await waitFor(leasedUntil);
  // Only after the first lease would have been over is it extended to twice its length.
  await waitFor(async () => ((await leasedUntil()) ?? 0) >= first + leaseSeconds * 1_000_000);
  expect(slow.begun).toHaveLength(1);
  expect(await messages()).toMatchObject([{ attempts: 1 }]);
  slow.open();
  await waitFor(isEmpty);
  expect(slow.begun).toHaveLength(1);
});

test('what comes of a key while it is being delivered is delivered once, after that', async () => {
  const slow = gate();
  openRelay(slow.receive);
  const key = newId();
  await send(key);
  await waitFor(() => Promise.resolve(slow.begun.length === 1));
  await send(key);
  await send(key);
  await waitFor(async () => (await messages()).every(({ attempts }) => attempts === 1));
  expect(slow.begun).toEqual([key]);
  const other = newId();
  await send(other);
  await waitFor(() => Promise.resolve(slow.begun.includes(other)));
  expect(slow.begun).toEqual([key, other]);
  slow.open();
  await waitFor(isEmpty);
  expect(slow.begun).toEqual([key, other, key]);
});

test('a relay whose lease is over leaves a message to another that has claimed it, also when its own delivery fails', async () => {
  const slow = gate();
  const relay = openRelay(slow.receive);
  await send(newId());
  await waitFor(() => Promise.resolve(slow.begun.length === 1));
  // As if this process had stood still for longer than the lease.
  await shop.db.pool.query(
    `update outbox set attempts = attempts + 1, available_at = clock_timestamp() + interval '1 hour'`,
  );
  slow.fail(new Error('not now'));
  await relay.stop();
  const [message] = await messages();
  expect(message?.attempts).toBe(2);
  expect(message?.left).toBeGreaterThan(3_000);
});
