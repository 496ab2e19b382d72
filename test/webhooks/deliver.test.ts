import { recordEntries } from '../../domain/event-log/record';
import { serveWebhook, type DeliveryContext } from '../../domain/webhooks/deliver';
import { dispatchWebhooks, webhooksAreDue, webhooksDueSeconds } from '../../domain/webhooks/dispatch';
import { createWebhookSecrets } from '../../domain/webhooks/secrets';
import type { TryOutcome, WebhookSender } from '../../domain/webhooks/types';
import {
  changeWebhook,
  createWebhook,
  listDeliveries,
  readWebhook,
  redeliver,
  removeWebhook,
  rotateSecret,
} from '../../domain/webhooks/webhooks';
import { allowedNetworks } from '../../integrations/webhook-sender/address';
import { createWebhookSender } from '../../integrations/webhook-sender/sender';
import type { Database } from '../../platform/database/database';
import { verifyWebhook, type SignatureHeaders } from '../../platform/webhook-signature';
import { numberAll } from '../events/support';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { namesOf, RECEIVER_CA, startReceiver, type Received, type Receiver } from './receiver';

/** How events come to webhooks, with real receivers. */

const ACTOR = 'service:test';
const secrets = createWebhookSecrets([{ id: 'one', key: Buffer.alloc(32, 7) }]);
const always = () => true;

let shop: TestShop;
let receiver: Receiver;
let context: DeliveryContext;

const send = createWebhookSender({
  allowed: allowedNetworks(['127.0.0.1']),
  timeoutMs: 1_000,
  ca: RECEIVER_CA,
  lookup: namesOf(),
});

beforeEach(async () => {
  [shop, receiver] = await Promise.all([openTestShop(), startReceiver()]);
  context = { db: shop.db, secrets, send, userAgent: 'Holdfast/test' };
});
afterEach(async () => {
  await Promise.all([shop.close(), receiver.close()]);
});

const add = (url = receiver.url, types = ['job.*']) =>
  createWebhook(context, { url, description: null, types }, ACTOR);

/** Events with these subjects, each in a transaction of its own, numbered. */
async function happen(...ids: string[]): Promise<void> {
  for (const id of ids)
    await shop.db.transaction((tx) =>
      recordEntries(tx, [
        { type: 'job.started', subject: { type: 'job', id }, actor: 'test', data: { type: 'feed' } },
      ]),
    );
  await numberAll(shop.db);
}

const subjectOf = ({ body }: Received) => (JSON.parse(body) as { subject: { id: string } }).subject.id;
const subjects = (of = receiver) => of.received.map(subjectOf);

const deliveriesOf = async (id: string) =>
  (await listDeliveries(shop.db, { webhookId: id, limit: 100, offset: 0 })).items;

/** As if the pause before the next try were over. */
const letTimePass = () =>
  shop.db.pool.query(
    `update webhook_deliveries set next_try_at = clock_timestamp() where status = 'pending'`,
  );

test('a webhook is told of the events of its types that come after it, in their order, signed', async () => {
  await happen('before');
  const { id, secret } = await add();
  await happen('a', 'b', 'c');
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 3, failed: 0 });
  expect(subjects()).toEqual(['a', 'b', 'c']);
  const [first] = receiver.received;
  const headers = first?.headers as Partial<SignatureHeaders>;
  expect(verifyWebhook([secret], { headers, body: Buffer.from(first?.body ?? '') })).toBe('valid');
  const [latest] = await deliveriesOf(id);
  expect(latest).toMatchObject({ type: 'job.started', status: 'delivered', tries: 1, nextTryAt: null });
  expect(latest?.requests).toMatchObject([{ status: 204, error: null }]);
  expect(Object.keys(latest?.requests[0]?.headers ?? {})).not.toContain('webhook-signature');
  expect(headers['webhook-id']).toBe(`evt_${(latest?.position ?? 0) - 2}`);
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 0, failed: 0 });
});

test('what fails is tried again later under the same id, and holds up nothing behind it', async () => {
  const { id } = await add();
  receiver.answer = (res, received) => res.writeHead(subjectOf(received) === 'a' ? 500 : 200).end('oh');
  await happen('a', 'b');
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 1, failed: 1 });
  const [, failing] = await deliveriesOf(id);
  expect(failing).toMatchObject({ status: 'pending', tries: 1 });
  expect(failing?.requests).toMatchObject([
    { status: 500, answer: 'oh', error: 'the receiver answered 500' },
  ]);
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 0, failed: 0 });
  receiver.answer = (res) => res.writeHead(200).end();
  await letTimePass();
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 1, failed: 0 });
  expect(subjects()).toEqual(['a', 'b', 'a']);
  const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
  expect(ids[2]).toBe(ids[0]);
  expect((await readWebhook(shop.db, id)).failingSince).toBeNull();
});

test('Retry-After puts the next try off', async () => {
  const { id } = await add();
  receiver.answer = (res) => res.writeHead(503, { 'retry-after': '7200' }).end();
  await happen('a');
  await serveWebhook(context, id, always);
  const [delivery] = await deliveriesOf(id);
  expect(Date.parse(delivery?.nextTryAt ?? '') - Date.now()).toBeGreaterThan(7_000_000);
});

test('410 disables a webhook, with an alert, and enabling it ends that and goes on', async () => {
  const { id, url } = await add();
  receiver.answer = (res) => res.writeHead(410).end();
  await happen('a', 'b');
  await serveWebhook(context, id, always);
  expect(subjects()).toEqual(['a']);
  expect(await readWebhook(shop.db, id)).toMatchObject({ disabled: 'gone' });
  const alerts = () =>
    shop.db.pool
      .query(`select status from alerts where kind = 'work_failed' and details ->> 'id' = $1`, [id])
      .then(({ rows }) => rows as unknown[]);
  expect(await alerts()).toEqual([{ status: 'open' }]);
  await happen('c');
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 0, failed: 0 });
  receiver.answer = (res) => res.writeHead(200).end();
  await changeWebhook(shop.db, id, { url, description: null, types: ['job.*'], enabled: true }, ACTOR);
  expect(await alerts()).toEqual([{ status: 'resolved' }]);
  await serveWebhook(context, id, always);
  expect(subjects()).toEqual(['a', 'b', 'c']);
});

test('three days without success end a delivery and disable the webhook; one that took others in between stays', async () => {
  const { id } = await add();
  receiver.answer = (res) => res.writeHead(500).end();
  await happen('a');
  await serveWebhook(context, id, always);
  await shop.db.pool.query(
    `update webhook_deliveries set first_try_at = first_try_at - interval '72 hours', next_try_at = clock_timestamp()`,
  );
  await serveWebhook(context, id, always);
  expect(await deliveriesOf(id)).toMatchObject([{ status: 'failed', tries: 2, nextTryAt: null }]);
  expect(await readWebhook(shop.db, id)).toMatchObject({ disabled: null });
  await shop.db.pool.query(`update webhooks set failing_since = failing_since - interval '72 hours'`);
  await happen('b');
  await serveWebhook(context, id, always);
  expect(await readWebhook(shop.db, id)).toMatchObject({ disabled: 'failing' });
});

test('events are delivered again on request, one or a range, also such as came before the webhook', async () => {
  await happen('before');
  const { id } = await add();
  await happen('a', 'b', 'c');
  await serveWebhook(context, id, always);
  const [c, b, a] = await deliveriesOf(id);
  expect(await redeliver(shop.db, id, { from: b?.position ?? 0, to: b?.position ?? 0, actor: ACTOR })).toBe(
    1,
  );
  await serveWebhook(context, id, always);
  expect(subjects()).toEqual(['a', 'b', 'c', 'b']);
  expect(await redeliver(shop.db, id, { from: 1, to: c?.position ?? 0, actor: ACTOR })).toBe(4);
  await serveWebhook(context, id, always);
  expect(subjects().slice(4)).toEqual(['before', 'a', 'b', 'c']);
  expect(a?.position).toBeLessThan(b?.position ?? 0);
  await expect(redeliver(shop.db, id, { from: 1_000, to: 1_001, actor: ACTOR })).resolves.toBe(0);
});

test('a changed secret signs beside the one before until its time is over; nothing in the database shows either', async () => {
  const { id, secret: old } = await add();
  const { secret } = await rotateSecret(context, id, { overlapSeconds: 3_600, actor: ACTOR });
  await happen('a');
  await serveWebhook(context, id, always);
  await shop.db.pool.query('update webhooks set previous_until = clock_timestamp()');
  await happen('b');
  await serveWebhook(context, id, always);
  const verdicts = receiver.received.map(({ headers, body }) =>
    [secret, old].map((one) =>
      verifyWebhook([one], { headers: headers as Partial<SignatureHeaders>, body: Buffer.from(body) }),
    ),
  );
  expect(verdicts).toEqual([
    ['valid', 'valid'],
    ['valid', 'invalid'],
  ]);
  const { rows } = await shop.db.pool.query<{ kept: Buffer }>('select secret as kept from webhooks');
  expect(rows[0]?.kept.includes(Buffer.from(secret.slice(6), 'base64'))).toBe(false);
  expect(rows[0]?.kept.toString('latin1')).not.toContain(secret.slice(6));
  const others = createWebhookSecrets([{ id: 'two', key: Buffer.alloc(32, 8) }]);
  expect(() => others.open(id, rows[0]?.kept ?? Buffer.alloc(0))).toThrow(
    expect.objectContaining({ code: 'WEBHOOKS_NOT_SET_UP' }) as Error,
  );
  expect(() => secrets.open(receiver.url, rows[0]?.kept ?? Buffer.alloc(0))).toThrow();
  expect(() => createWebhookSecrets([]).make(id)).toThrow(
    expect.objectContaining({ code: 'WEBHOOKS_NOT_SET_UP' }) as Error,
  );
});

test('what is sent is read by its position alone, however much comes after it', async () => {
  const { id } = await add();
  await happen('a', 'b', 'c');
  const looked: number[] = [];
  const db: Database = {
    ...shop.db,
    query(sent) {
      const [after, upTo] = sent.values ?? [];
      if (sent.name === 'events.window') looked.push(Number(upTo) - Number(after));
      return shop.db.query(sent);
    },
  };
  await serveWebhook({ ...context, db }, id, always);
  expect(subjects()).toEqual(['a', 'b', 'c']);
  expect(looked).toEqual([1, 1, 1]);
});

test('an address and a secret that are changed count from the next message on', async () => {
  const { id } = await add();
  const other = await startReceiver();
  let changed = '';
  const changing: WebhookSender = async (message) => {
    const answer = await send(message);
    if (changed !== '') return answer;
    const wish = { url: other.url, description: null, types: ['job.*'], enabled: true };
    await changeWebhook(shop.db, id, wish, ACTOR);
    ({ secret: changed } = await rotateSecret(context, id, { overlapSeconds: 0, actor: ACTOR }));
    return answer;
  };
  await happen('a', 'b');
  await serveWebhook({ ...context, send: changing }, id, always);
  expect([subjects(), subjects(other)]).toEqual([['a'], ['b']]);
  const [second] = other.received;
  const headers = second?.headers as Partial<SignatureHeaders>;
  expect(verifyWebhook([changed], { headers, body: Buffer.from(second?.body ?? '') })).toBe('valid');
  await other.close();
});

test('what the receiver at the address before answers, and how long it has failed, does not disable a webhook', async () => {
  const { id } = await add();
  const other = await startReceiver((res) => res.writeHead(500).end());
  receiver.answer = (res) => res.writeHead(410).end();
  await shop.db.pool.query(`update webhooks set failing_since = clock_timestamp() - interval '80 hours'`);
  const wish = { url: other.url, description: null, types: ['job.*'], enabled: true };
  let asked = 0;
  const changing: WebhookSender = async (message) => {
    const answer = await send(message);
    if ((asked += 1) === 1) await changeWebhook(shop.db, id, wish, ACTOR);
    return answer;
  };
  await happen('a', 'b');
  expect(await serveWebhook({ ...context, send: changing }, id, always)).toEqual({ delivered: 0, failed: 2 });
  expect([subjects(), subjects(other)]).toEqual([['a'], ['b']]);
  expect(await readWebhook(shop.db, id)).toMatchObject({ disabled: null });
  await other.close();
});

test('a dispatcher that dies after it has sent sends again; two of them send nothing twice', async () => {
  const { id } = await add();
  await happen('a', 'b');
  // It has sent, and what it would write is lost with it.
  const dying: WebhookSender = async (message) => {
    await send(message);
    throw new Error('the process died');
  };
  await expect(serveWebhook({ ...context, send: dying }, id, always)).rejects.toThrow('died');
  expect(subjects()).toEqual(['a']);
  const served = await Promise.all([serveWebhook(context, id, always), serveWebhook(context, id, always)]);
  expect(served.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(2);
  expect(subjects()).toEqual(['a', 'a', 'b']);
});

test('a webhook whose dispatcher is gone without a word is taken over when its lease is over', async () => {
  const { id } = await add();
  await happen('a');
  await shop.db.pool.query(
    `update webhooks set lease = gen_random_uuid(), leased_until = clock_timestamp() + interval '1 minute'`,
  );
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 0, failed: 0 });
  await shop.db.pool.query('update webhooks set leased_until = clock_timestamp()');
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 1, failed: 0 });
});

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
  const ids = await Promise.all([...bad, down].map(async ({ url }) => (await add(url)).id));
  const { id } = await add();
  await happen('a', 'b', 'c');
  const stop = new AbortController();
  const running = dispatchWebhooks(context, { signal: stop.signal, log: testLogger(), withinMs: 60_000 });
  await waitFor(() => receiver.received.length === 3, 10_000);
  await waitFor(async () => {
    const all = await Promise.all(ids.map((one) => deliveriesOf(one)));
    return all.flat().every(({ tries }) => tries > 0);
  });
  stop.abort();
  const round = await running;
  expect(round.delivered).toBeGreaterThanOrEqual(6);
  expect(round.msLeft).not.toBeNull();
  expect(await deliveriesOf(id)).toHaveLength(3);
  const last = async (n: number) => (await deliveriesOf(ids[n] ?? '')).at(-1)?.requests.at(-1);
  expect(await last(0)).toMatchObject({ status: null, error: 'there was no answer in time' });
  expect(await last(1)).toMatchObject({ status: 302, error: 'the receiver answered 302' });
  expect(await last(2)).toMatchObject({ status: 200, error: null, answer: 'x'.repeat(1_000) });
  expect(await last(3)).toMatchObject({ status: null, error: 'the request failed: ECONNREFUSED' });
  await Promise.all(bad.map((one) => one.close()));
});

test('a round says when the next try is due, and where none waits, that none does', async () => {
  const { id } = await add();
  const dispatch = () =>
    dispatchWebhooks(context, { signal: new AbortController().signal, log: testLogger(), withinMs: 30_000 });
  receiver.answer = (res, received) => res.writeHead(subjectOf(received) === 'b' ? 500 : 200).end();
  await happen('a');
  expect(await dispatch()).toEqual({ delivered: 1, failed: 0, msLeft: null });
  await happen('b');
  await serveWebhook(context, id, always);
  await shop.db.pool.query(
    `update webhook_deliveries set next_try_at = clock_timestamp() + interval '1 hour' where status = 'pending'`,
  );
  const { msLeft } = await dispatch();
  expect(msLeft).toBeGreaterThan(3_500_000);
  expect(msLeft).toBeLessThanOrEqual(3_600_000);
});

test('a secret that cannot be decrypted is an alert, and put off, until something is delivered', async () => {
  const { id } = await add();
  await happen('a');
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
  expect(await deliveriesOf(id)).toMatchObject([{ status: 'pending', tries: 0 }]);
  expect(await dispatch([{ id: 'one', key: Buffer.alloc(32, 7) }])).toMatchObject({ delivered: 1 });
  expect(await alerts()).toEqual([{ status: 'resolved' }]);
});

test('a webhook with many deliveries that wait plans no more: the rest stays in the stream', async () => {
  const { id } = await add();
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

test('events that are kept no more are passed over, and a delivery of one has failed', async () => {
  const { id } = await add();
  await happen('a');
  receiver.answer = (res) => res.writeHead(500).end();
  await serveWebhook(context, id, always);
  await happen('b');
  await shop.db.pool.query(
    'delete from event_batches where last_position < (select next_position - 1 from event_head)',
  );
  receiver.answer = (res) => res.writeHead(200).end();
  await letTimePass();
  await serveWebhook(context, id, always);
  expect(subjects()).toEqual(['a', 'b']);
  expect((await deliveriesOf(id)).map(({ status }) => status)).toEqual(['delivered', 'failed']);
});

test('something is due to webhooks from when an event is numbered until it was tried, and when it is to be tried again', async () => {
  const minutes = async () => Math.floor((await webhooksDueSeconds(shop.db)) / 60);
  const numberedAgo = (mins: number) =>
    shop.db.pool.query(
      'update event_batches set numbered_at = clock_timestamp() - make_interval(mins => $1)',
      [mins],
    );
  await happen('before');
  const { id } = await add();
  await numberedAgo(50);
  expect(await webhooksDueSeconds(shop.db)).toBe(0);
  await happen('a');
  await shop.db.pool.query(
    `update event_batches set numbered_at = clock_timestamp() - interval '20 minutes'
     where first_position > (select position from webhooks)`,
  );
  await happen('b');
  // No delivery is planned yet: nobody has looked.
  expect(await minutes()).toBe(20);
  receiver.answer = (res) => res.writeHead(500).end();
  await serveWebhook(context, id, always);
  expect(await webhooksDueSeconds(shop.db)).toBe(0);
  await shop.db.pool.query(
    `update webhook_deliveries set next_try_at = clock_timestamp() - make_interval(mins => position::int)`,
  );
  const [newest] = await deliveriesOf(id);
  expect(await minutes()).toBe(newest?.position);
  await shop.db.pool.query(`update webhooks set disabled = 'by_hand', disabled_at = clock_timestamp()`);
  expect(await webhooksDueSeconds(shop.db)).toBe(0);
  await shop.db.pool.query(`update webhooks set disabled = null, disabled_at = null`);
  receiver.answer = (res) => res.writeHead(200).end();
  await serveWebhook(context, id, always);
  expect(await webhooksDueSeconds(shop.db)).toBe(0);
  // What it would go on after is kept no more: the oldest that is kept is due.
  await happen('c');
  await happen('d');
  await numberedAgo(7);
  await shop.db.pool.query(
    'delete from event_batches where first_position < (select max(first_position) from event_batches)',
  );
  expect(await minutes()).toBe(7);
});

test('each try is counted by what became of it', async () => {
  const counted: TryOutcome[] = [];
  const counting = { ...context, onTried: (outcome: TryOutcome) => counted.push(outcome) };
  const { id } = await add();
  await happen('a');
  receiver.answer = (res) => res.writeHead(500).end();
  await serveWebhook(counting, id, always);
  receiver.answer = (res) => res.writeHead(200).end();
  await letTimePass();
  await serveWebhook(counting, id, always);
  receiver.answer = (res) => res.writeHead(410).end();
  await happen('b');
  await serveWebhook(counting, id, always);
  expect(counted).toEqual(['postponed', 'delivered', 'failed']);
});
