import { dispatchWebhooks, webhooksAreDue, webhooksDueSeconds } from '../../domain/webhooks/dispatch';
import { createWebhookSecrets } from '../../domain/webhooks/secrets';
import { serveWebhook, type DeliveryContext } from '../../domain/webhooks/serve';
import { removeWebhook } from '../../domain/webhooks/webhooks';
import type { Database } from '../../platform/database/database';
import { numberAll } from '../events/support';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { startReceiver, type Receiver } from './receiver';
import { ACTOR, always, openWebhookShop, subjectOf, type WebhookShop } from './support';

/** Which webhooks are delivered to, and when: rounds over all of them, with real receivers. */

let shop: WebhookShop;
let receiver: Receiver;
let context: DeliveryContext;

beforeEach(async () => {
  shop = await openWebhookShop();
  ({ receiver, context } = shop);
});
afterEach(() => shop.close());

test('receivers that are down, slow, redirect inward or answer without end cost nobody else', async () => {
  const answers: Record<string, Receiver['answer']> = {
    slow: () => undefined,
    inward: (res) => res.writeHead(302, { location: 'https://169.254.169.254/latest/' }).end(),
    huge: (res) => {
      res.writeHead(200);
      const timer = setInterval(() => res.write('x'.repeat(100_000)), 1);
      res.on('close', () => clearInterval(timer));
    },
  };
  const bad = await Promise.all(Object.values(answers).map((answer) => startReceiver(answer)));
  const [down] = await Promise.all([startReceiver()]);
  await down.close();
  const ids = await Promise.all([...bad, down].map(async ({ url }) => (await shop.add(url)).id));
  const { id } = await shop.add();
  await shop.happen('a', 'b', 'c');
  const stop = new AbortController();
  const running = dispatchWebhooks(context, { signal: stop.signal, log: testLogger(), withinMs: 60_000 });
  await waitFor(() => receiver.received.length === 3, 10_000);
  await waitFor(async () => {
    const all = await Promise.all(ids.map((one) => shop.deliveriesOf(one)));
    return all.flat().every(({ tries }) => tries > 0);
  });
  stop.abort();
  const round = await running;
  expect(round.delivered).toBeGreaterThanOrEqual(6);
  expect(round.msLeft).not.toBeNull();
  expect(await shop.deliveriesOf(id)).toHaveLength(3);
  const last = async (n: number) => (await shop.deliveriesOf(ids[n] ?? '')).at(-1)?.requests.at(-1);
  expect(await last(0)).toMatchObject({ status: null, error: 'there was no answer in time' });
  expect(await last(1)).toMatchObject({ status: 302, error: 'the receiver answered 302' });
  expect(await last(2)).toMatchObject({ status: 200, error: null, answer: 'x'.repeat(1_000) });
  expect(await last(3)).toMatchObject({ status: null, error: 'the request failed: ECONNREFUSED' });
  await Promise.all(bad.map((one) => one.close()));
});

test('a round says when the next try is due, and where none waits, that none does', async () => {
  const { id } = await shop.add();
  const dispatch = () =>
    dispatchWebhooks(context, { signal: new AbortController().signal, log: testLogger(), withinMs: 30_000 });
  receiver.answer = (res, received) => res.writeHead(subjectOf(received) === 'b' ? 500 : 200).end();
  await shop.happen('a');
  expect(await dispatch()).toEqual({ delivered: 1, failed: 0, msLeft: null });
  await shop.happen('b');
  await serveWebhook(context, id, always);
  await shop.db.pool.query(
    `update webhook_deliveries set next_try_at = clock_timestamp() + interval '1 hour' where status = 'pending'`,
  );
  const { msLeft } = await dispatch();
  expect(msLeft).toBeGreaterThan(3_500_000);
  expect(msLeft).toBeLessThanOrEqual(3_600_000);
});

test('a secret that cannot be decrypted is an alert, and put off, until something is delivered', async () => {
  const { id } = await shop.add();
  await shop.happen('a');
  const dispatch = (keys: Parameters<typeof createWebhookSecrets>[0]) =>
    dispatchWebhooks(
      { ...context, secrets: createWebhookSecrets(keys) },
      { signal: new AbortController().signal, log: testLogger(), withinMs: 30_000 },
    );
  const alerts = async () =>
    (await shop.db.pool.query<{ status: string }>(`select status from alerts where kind = 'work_failed'`))
      .rows;
  const another = [{ id: 'one', key: Buffer.alloc(32, 9) }];
  for (const keys of [[], another]) {
    expect(await dispatch(keys)).toEqual({ delivered: 0, failed: 0, msLeft: null });
    expect(await alerts()).toEqual([{ status: 'open' }]);
    expect(await webhooksAreDue(shop.db)).toBe(false);
    await shop.db.pool.query('update failed_work set retry_at = clock_timestamp()');
  }
  expect(await shop.deliveriesOf(id)).toMatchObject([{ status: 'pending', tries: 0 }]);
  expect(await dispatch([{ id: 'one', key: Buffer.alloc(32, 7) }])).toMatchObject({ delivered: 1 });
  expect(await alerts()).toEqual([{ status: 'resolved' }]);
});

test('one that is removed while it is served leaves no alert, which nobody could end', async () => {
  const { id } = await shop.add();
  const { id: other } = await shop.add();
  await shop.happen('a');
  const db: Database = {
    ...shop.db,
    async query(sent) {
      const result = await shop.db.query(sent);
      if (sent.name === 'webhooks.count_pending' && sent.values?.[0] === id)
        await removeWebhook(shop.db, id, ACTOR);
      return result;
    },
  };
  const round = { signal: new AbortController().signal, log: testLogger(), withinMs: 30_000 };
  expect(await dispatchWebhooks({ ...context, db }, round)).toMatchObject({ delivered: 1 });
  expect(await shop.deliveriesOf(other)).toMatchObject([{ status: 'delivered' }]);
  expect((await shop.db.pool.query('select from failed_work')).rowCount).toBe(0);
  expect((await shop.db.pool.query(`select from alerts where status <> 'resolved'`)).rowCount).toBe(0);
});

test('a webhook with many deliveries that wait plans no more: the rest stays in the stream', async () => {
  const { id } = await shop.add();
  await shop.db.pool.query(
    `insert into event_entries (type, subject_type, subject_id, actor)
     select 'job.started', 'job', n::text, 'test' from generate_series(1, 1700) n`,
  );
  await numberAll(shop.db);
  receiver.answer = (res) => res.writeHead(500).end();
  for (let round = 0; round < 4; round++) {
    let turns = 2;
    await serveWebhook(context, id, () => (turns -= 1) > 0);
  }
  const { rows } = await shop.db.pool.query<{ count: number }>(
    'select count(*)::int as count from webhook_deliveries',
  );
  expect(rows[0]?.count).toBe(1_000);
  // While none of them is due, it is not looked at again and again.
  await shop.db.pool.query(
    `update webhook_deliveries set next_try_at = clock_timestamp() + interval '1 hour'`,
  );
  expect(await webhooksAreDue(shop.db)).toBe(false);
  await shop.db.pool.query(
    `update webhook_deliveries set status = 'failed', next_try_at = null where position = (select min(position) from webhook_deliveries)`,
  );
  expect(await webhooksAreDue(shop.db)).toBe(true);
  await removeWebhook(shop.db, id, ACTOR);
  expect((await shop.db.pool.query('select from webhook_deliveries')).rowCount).toBe(0);
});

test('something is due to webhooks from when an event is numbered until it was tried, and when it is to be tried again', async () => {
  const minutes = async () => Math.floor((await webhooksDueSeconds(shop.db)) / 60);
  const numberedAgo = (mins: number) =>
    shop.db.pool.query(
      'update event_batches set numbered_at = clock_timestamp() - make_interval(mins => $1)',
      [mins],
    );
  await shop.happen('before');
  const { id } = await shop.add();
  await numberedAgo(50);
  expect(await webhooksDueSeconds(shop.db)).toBe(0);
  await shop.happen('a');
  await shop.db.pool.query(
    `update event_batches set numbered_at = clock_timestamp() - interval '20 minutes'
     where first_position > (select position from webhooks)`,
  );
  await shop.happen('b');
  // No delivery is planned yet: nobody has looked.
  expect(await minutes()).toBe(20);
  receiver.answer = (res) => res.writeHead(500).end();
  await serveWebhook(context, id, always);
  expect(await webhooksDueSeconds(shop.db)).toBe(0);
  await shop.db.pool.query(
    `update webhook_deliveries set next_try_at = clock_timestamp() - make_interval(mins => position::int)`,
  );
  const [newest] = await shop.deliveriesOf(id);
  expect(await minutes()).toBe(newest?.position);
  await shop.db.pool.query(`update webhooks set disabled = 'by_hand', disabled_at = clock_timestamp()`);
  expect(await webhooksDueSeconds(shop.db)).toBe(0);
  await shop.db.pool.query(`update webhooks set disabled = null, disabled_at = null`);
  receiver.answer = (res) => res.writeHead(200).end();
  await serveWebhook(context, id, always);
  expect(await webhooksDueSeconds(shop.db)).toBe(0);
  // What it would go on after is kept no more: the oldest that is kept is due.
  await shop.happen('c');
  await shop.happen('d');
  await numberedAgo(7);
  await shop.db.pool.query(
    'delete from event_batches where first_position < (select max(first_position) from event_batches)',
  );
  expect(await minutes()).toBe(7);
});
