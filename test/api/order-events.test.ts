import { appendEvents } from '../../domain/orders/events';
import { createKey, revokeKey } from '../../domain/identity/keys';
import { newId } from '../../platform/ids';
import { addPaidOrder, addStock } from '../support/fixtures';
import { STREAMED_WITHIN_MS } from '../support/promised';
import { waitFor } from '../support/wait';
import { listen as listenTo } from './listen';
import { openTestApi, type TestApi } from './support';

let test: TestApi;

beforeAll(async () => {
  test = await openTestApi();
  await addStock(test.db, 'A', 'AMS', 1000);
});
afterAll(() => test.close());

async function newOrder(events: number): Promise<string> {
  const { orderId } = await addPaidOrder(test.db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]);
  await append(orderId, events);
  return orderId;
}

function append(orderId: string, count: number, end?: string): Promise<void> {
  return test.db.transaction(async (tx) => {
    if (end)
      await tx.query({
        name: 'test.end',
        text: 'update orders set status = $2 where id = $1',
        values: [orderId, end],
      });
    await appendEvents(
      tx,
      Array.from({ length: count }, (_, n) => ({ orderId, type: 'thing_happened', data: { n } })),
    );
  });
}

const listen = (orderId: string, lastEventId?: number | string, key?: string) =>
  listenTo(test, `/orders/${orderId}/events`, { lastEventId, ...(key === undefined ? {} : { key }) });

const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, n) => first + n);

describe('the history of an order', () => {
  it('pages by cursor, oldest first', async () => {
    const orderId = await newOrder(5);
    const first = await test.call('GET', `/orders/${orderId}/events?limit=3`);
    expect(first.body.items.map((item) => item.seq)).toEqual([1, 2, 3]);
    expect(first.body.items[0]).toEqual({
      seq: 1,
      type: 'thing_happened',
      at: expect.stringMatching(/Z$/) as string,
      data: { n: 0 },
    });
    const second = await test.call(
      'GET',
      `/orders/${orderId}/events?limit=3&cursor=${first.body.nextCursor ?? ''}`,
    );
    expect(second.body.items.map((item) => item.seq)).toEqual([4, 5]);
    expect(second.body.nextCursor).toBeNull();
  });
});

describe('the live stream of an order', () => {
  it('sends the history, then what happens, and ends when the order has ended', async () => {
    const orderId = await newOrder(2);
    const stream = await listen(orderId);
    await waitFor(() => stream.ids().length === 2);
    await append(orderId, 1);
    const told = performance.now();
    await waitFor(() => stream.ids().length === 3);
    // By the notice: the heartbeat would take 15 s.
    expect(performance.now() - told).toBeLessThan(STREAMED_WITHIN_MS);
    await append(orderId, 2, 'fulfilled');
    await stream.ended;
    expect(stream.ids()).toEqual(upTo(5));
    expect(stream.text()).toMatch(/^id: 1\nevent: thing_happened\ndata: \{"seq":1,.*\}\n\n/m);
  });

  it('tells nothing more to a key that was revoked meanwhile', async () => {
    const orderId = await newOrder(1);
    const wanted = {
      role: 'operator',
      scopes: [],
      kind: 'live',
      label: null,
      expiresInSeconds: null,
    } as const;
    const { id, key } = await createKey(test.db, { ...wanted, service: 'watcher', actor: 'a test' });
    const stream = await listen(orderId, undefined, key);
    await waitFor(() => stream.ids().length === 1);
    await revokeKey(test.db, { id, actor: 'a test' });
    await append(orderId, 1);
    await stream.ended;
    expect(stream.ids()).toEqual([1]);
    expect((await listen(orderId, undefined, key)).status).toBe(401);
  });

  it('resumes after Last-Event-ID, without a gap or a repeat', async () => {
    const orderId = await newOrder(4);
    const stream = await listen(orderId, 2);
    await append(orderId, 1, 'cancelled');
    await stream.ended;
    expect(stream.ids()).toEqual([3, 4, 5]);
  });

  it('sends a long history whole and in order', async () => {
    const orderId = await newOrder(350);
    await append(orderId, 1, 'failed');
    const stream = await listen(orderId);
    await stream.ended;
    expect(stream.ids()).toEqual(upTo(351));
  });

  it('tells a client that has everything of an ended order to stay away', async () => {
    const orderId = await newOrder(1);
    await append(orderId, 1, 'expired');
    expect((await listen(orderId, 2)).status).toBe(204);
  });

  it('sends everything to everybody while events come from several sides', async () => {
    const orderId = await newOrder(0);
    const streams = await Promise.all([listen(orderId), listen(orderId), listen(orderId)]);
    await Promise.all(Array.from({ length: 30 }, () => append(orderId, 1)));
    await append(orderId, 1, 'fulfilled');
    await Promise.all(streams.map((stream) => stream.ended));
    for (const stream of streams) expect(stream.ids()).toEqual(upTo(31));
  });

  it('goes on after the listening connection was lost', async () => {
    const orderId = await newOrder(1);
    const stream = await listen(orderId);
    await waitFor(() => stream.ids().length === 1);
    await test.db.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'holdfast-listener'`,
    );
    await append(orderId, 1, 'fulfilled');
    await stream.ended;
    expect(stream.ids()).toEqual([1, 2]);
  });

  it('forgets a client that left', async () => {
    const stream = await listen(await newOrder(1));
    await waitFor(() => stream.ids().length === 1);
    const open = async () =>
      /^holdfast_event_streams\{.*\} (\d+)$/m.exec((await test.call('GET', '//metrics')).text)?.[1];
    expect(await open()).toBe('1');
    stream.leave();
    await stream.ended;
    await waitFor(async () => (await open()) === '0');
  });

  it('is not there for an order that is not there', async () => {
    expect((await listen(newId())).status).toBe(404);
  });

  it('refuses a Last-Event-ID that is none of its own', async () => {
    expect((await listen(await newOrder(1), 'abc')).status).toBe(422);
  });
});
