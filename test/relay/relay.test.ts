import { NativeConnection } from '@temporalio/worker';
import { Client } from '@temporalio/client';
import { listAlerts } from '../../domain/stock/alerts/list';
import { newId } from '../../platform/ids';
import { claim, enqueue, type OutboxTopic } from '../../platform/database/outbox';
import { createReceivers, type Receivers } from '../../worker/outbox/receivers';
import { startRelay, type Relay, type RelayOptions } from '../../worker/outbox/relay';
import { addPaidOrder, addStock, openTestShop, type TestShop } from '../support/fixtures';
import { temporalAddress, testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { openEngine, openLine, receiverContext, signalsOf, startIdleSaga, type TestEngine } from './engine';

let shop: TestShop;
let engine: TestEngine;
let drained: string[];
const relays: Relay[] = [];

beforeEach(async () => {
  [shop, engine] = await Promise.all([openTestShop(), openEngine()]);
  drained = [];
});

afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
  await engine.client.workflow
    .getHandle(engine.names.dispatcherWorkflowId)
    .terminate()
    .catch(() => undefined);
  await engine.close();
  await shop.close();
});

/** A relay with the receivers of a worker; what is drained is only noted. */
function openRelay(
  options: Omit<Partial<RelayOptions>, 'receivers'> & {
    client?: Client;
    receivers?: Partial<Receivers>;
  } = {},
): Relay {
  const { client = engine.client, receivers, ...rest } = options;
  const relay = startRelay({
    db: shop.db,
    databaseUrl: shop.url,
    log: testLogger(),
    ...rest,
    receivers: {
      ...createReceivers(receiverContext(shop.db, { ...engine, client })),
      'allocation.drain': draining((reservationId) => {
        drained.push(reservationId);
        return Promise.resolve();
      }),
      ...receivers,
    },
  });
  relays.push(relay);
  return relay;
}

function draining(receive: (reservationId: string) => Promise<void>): Receivers['allocation.drain'] {
  return { key: 'reservationId', receive };
}

const send = (topic: OutboxTopic, ...keys: string[]) =>
  shop.db.transaction((tx) =>
    enqueue(
      tx,
      keys.map((key) => ({ topic, key })),
    ),
  );

async function waiting(): Promise<number> {
  const found = await shop.db.pool.query<{ count: number }>('select count(*) from outbox');
  return found.rows[0]!.count;
}

const outboxIsEmpty = () => waitFor(async () => (await waiting()) === 0);
const sagaState = async (orderId: string) =>
  (await engine.client.workflow.getHandle(engine.names.orderWorkflowId(orderId)).describe()).status.name;
const wakesOf = (orderId: string) => signalsOf(engine, engine.names.orderWorkflowId(orderId));

async function addOpenOrder(): Promise<string> {
  await addStock(shop.db, `SKU-${newId()}`, 'AMS', 1);
  const sku = (await shop.db.pool.query<{ sku: string }>('select max(sku) as sku from products')).rows[0]!
    .sku;
  return (await addPaidOrder(shop.db, [{ sku, warehouse: 'AMS', quantity: 1 }])).orderId;
}

test('a message wakes its saga and is forgotten; the same message twice in a batch is one signal', async () => {
  const orderId = newId();
  await startIdleSaga(engine, orderId);
  await send('order.wake', orderId, orderId, orderId);
  openRelay();
  await outboxIsEmpty();
  expect(await wakesOf(orderId)).toBe(1);
});

test('an idle relay hears of a message at once, and of one without a notice by polling', async () => {
  const [heard, polled] = [newId(), newId()];
  await Promise.all([startIdleSaga(engine, heard), startIdleSaga(engine, polled)]);
  // One that hardly ever polls.
  openRelay({ pollMs: 600_000 });
  await waitFor(() =>
    shop.db.pool
      .query(
        `select 1 from pg_stat_activity where query = 'listen holdfast_outbox' and datname = current_database()`,
      )
      .then((r) => r.rowCount),
  );
  await send('order.wake', heard);
  await outboxIsEmpty();
  openRelay();
  await shop.db.pool.query(`insert into outbox (topic, key) values ('order.wake', $1)`, [polled]);
  await outboxIsEmpty();
  expect([await wakesOf(heard), await wakesOf(polled)]).toEqual([1, 1]);
});

test('a thousand messages for many sagas all arrive', async () => {
  const ids = Array.from({ length: 20 }, () => newId());
  await Promise.all(ids.map((id) => startIdleSaga(engine, id)));
  for (let n = 0; n < 50; n++) await send('order.wake', ...ids);
  openRelay();
  openRelay();
  await outboxIsEmpty();
  for (const id of ids) expect(await wakesOf(id)).toBeGreaterThanOrEqual(1);
});

test('what a relay had claimed when it died is delivered when its lease is over', async () => {
  const orderId = newId();
  await startIdleSaga(engine, orderId);
  await send('order.wake', orderId);
  const started = performance.now();
  expect(await claim(shop.db, 10, 1.5)).toHaveLength(1);
  openRelay();
  await outboxIsEmpty();
  expect(performance.now() - started).toBeGreaterThanOrEqual(1_500);
  expect(await wakesOf(orderId)).toBe(1);
});

describe.each(['a gRPC connection', "the worker's native connection"])('over %s', (kind) => {
  test('a saga that is gone is started again while its order is open, and left alone once it has ended', async () => {
    const native = kind.includes('native')
      ? await NativeConnection.connect({ address: temporalAddress() })
      : undefined;
    const client = native ? new Client({ connection: native }) : engine.client;
    const open = await addOpenOrder();
    const ended = await addOpenOrder();
    await shop.db.pool.query(`update orders set status = 'fulfilled' where id = $1`, [ended]);
    await startIdleSaga(engine, ended);
    await engine.client.workflow.getHandle(engine.names.orderWorkflowId(ended)).terminate();
    await send('order.wake', open, ended, newId());
    const relay = openRelay({ client });
    await outboxIsEmpty();
    expect([await sagaState(open), await sagaState(ended)]).toEqual(['RUNNING', 'TERMINATED']);
    await engine.client.workflow.getHandle(engine.names.orderWorkflowId(open)).terminate();
    await relay.stop();
    await native?.close();
  });
});

test('a message that fails is postponed and delivered later, and delays no other', async () => {
  const [bad, good] = [newId(), newId()];
  await startIdleSaga(engine, good);
  let failures = 0;
  let isAway = true;
  openRelay({
    receivers: {
      'allocation.drain': draining((reservationId) => {
        if (isAway) {
          failures += 1;
          return Promise.reject(new Error('not now'));
        }
        drained.push(reservationId);
        return Promise.resolve();
      }),
    },
  });
  await send('allocation.drain', bad);
  await waitFor(() => failures > 0);
  await send('order.wake', good);
  await waitFor(async () => (await wakesOf(good)) === 1);
  expect(drained).toEqual([]);
  isAway = false;
  await outboxIsEmpty();
  expect(drained).toEqual([bad]);
});

test('a message of a topic that this version of the program does not know is kept for another', async () => {
  const orderId = newId();
  await startIdleSaga(engine, orderId);
  await shop.db.pool.query(`insert into outbox (topic, key) values ('of.another', 'x')`);
  openRelay();
  await send('order.wake', orderId);
  await waitFor(async () => (await wakesOf(orderId)) === 1);
  await waitFor(async () => {
    const { rows } = await shop.db.pool.query<{ topic: string; attempts: number }>(
      'select topic, attempts from outbox where available_at > now()',
    );
    return rows[0]?.topic === 'of.another' && rows[0].attempts > 0;
  });
  expect(await waiting()).toBe(1);
});

test('a message whose delivery hangs does not delay the others', async () => {
  let release = () => undefined as unknown;
  const hanging = new Promise<void>((resolve) => {
    release = resolve;
  });
  openRelay({ receivers: { 'allocation.drain': draining(() => hanging) } });
  await send('allocation.drain', newId());
  const orderId = newId();
  await startIdleSaga(engine, orderId);
  await waitFor(async () => {
    const { rows } = await shop.db.pool.query<{ attempts: number }>('select attempts from outbox');
    return rows[0]?.attempts === 1;
  });
  await send('order.wake', orderId);
  await waitFor(async () => (await wakesOf(orderId)) === 1);
  expect(await waiting()).toBe(1);
  release();
  await outboxIsEmpty();
});

test('a message is handed to the receiver of its topic, with its key', async () => {
  const reservationId = newId();
  openRelay();
  await send('allocation.drain', reservationId);
  await outboxIsEmpty();
  expect(drained).toEqual([reservationId]);
});

test('the dispatcher is started by the first message, and many messages are few signals', async () => {
  const started = performance.now();
  openRelay();
  for (let n = 0; n < 200; n++) await send('shipments.ready', '');
  await outboxIsEmpty();
  const signals = await signalsOf(engine, engine.names.dispatcherWorkflowId);
  expect(signals).toBeGreaterThanOrEqual(1);
  // The pause between signals grows to its full length over the first few messages.
  expect(signals).toBeLessThanOrEqual(Math.ceil((performance.now() - started) / 250) + 10);
});

test('while the engine is away nothing is lost, and when it is back everything arrives', async () => {
  const line = await openLine(temporalAddress());
  const away = await openEngine(line.address);
  const orderId = newId();
  await startIdleSaga(engine, orderId);
  const relay = openRelay({ client: away.client });
  line.cut();
  await send('order.wake', orderId);
  await waitFor(async () => {
    const { rows } = await shop.db.pool.query<{ attempts: number }>('select attempts from outbox');
    return (rows[0]?.attempts ?? 0) >= 1;
  });
  expect(await waiting()).toBe(1);
  line.mend();
  await outboxIsEmpty();
  expect(await wakesOf(orderId)).toBeGreaterThanOrEqual(1);
  await relay.stop();
  await away.close();
  await line.close();
});

test('when every database connection is lost the relay carries on', async () => {
  const orderId = newId();
  await startIdleSaga(engine, orderId);
  openRelay();
  await send('allocation.drain', newId());
  await outboxIsEmpty();
  await shop.db.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()`,
  );
  await waitFor(() => send('order.wake', orderId).then(() => true));
  await outboxIsEmpty();
  expect(await wakesOf(orderId)).toBeGreaterThanOrEqual(1);
});

test('a relay that stops has delivered what it had claimed', async () => {
  let begun = 0;
  const relay = openRelay({
    receivers: {
      'allocation.drain': draining(async () => {
        begun += 1;
        await new Promise((resolve) => setTimeout(resolve, 300));
      }),
    },
  });
  await send('allocation.drain', newId(), newId());
  await waitFor(() => begun === 2);
  await relay.stop();
  expect(await waiting()).toBe(0);
});

test('a message that cannot be delivered stops no other, and once it has failed some times an alert tells of it', async () => {
  const [bad, good] = [newId(), newId()];
  let isBad = true;
  await send('allocation.drain', bad, good);
  openRelay({
    receivers: {
      'allocation.drain': draining((reservationId) => {
        if (reservationId === bad && isBad) return Promise.reject(new Error('its rows cannot be changed'));
        drained.push(reservationId);
        return Promise.resolve();
      }),
    },
  });
  await waitFor(() => Promise.resolve(drained.includes(good)));
  const told = async () => (await listAlerts(shop.db, { kind: 'work_failed', limit: 10, offset: 0 })).items;
  expect(await told()).toEqual([]);
  const ripen = (attempts: number) =>
    shop.db.pool.query('update outbox set attempts = $1, available_at = clock_timestamp()', [attempts]);
  await ripen(5);
  await waitFor(async () => (await told()).length === 1);
  expect(await told()).toMatchObject([
    { status: 'open', details: { work: 'deliver_message', id: `allocation.drain ${bad}` } },
  ]);
  isBad = false;
  await waitFor(async () => {
    await ripen(6);
    return (await waiting()) === 0;
  });
  await waitFor(async () => (await told())[0]?.status === 'resolved');
  expect(drained).toEqual([good, bad]);
});
