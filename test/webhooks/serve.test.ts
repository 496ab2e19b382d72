import { eraseAnswersOf } from '../../domain/webhooks/erase';
import { serveWebhook, type DeliveryContext } from '../../domain/webhooks/serve';
import { createWebhookSecrets } from '../../domain/webhooks/secrets';
import type { TryOutcome, WebhookSender } from '../../domain/webhooks/types';
import {
  changeWebhook,
  readWebhook,
  redeliver,
  removeWebhook,
  rotateSecret,
} from '../../domain/webhooks/webhooks';
import type { Database, Queryable } from '../../platform/database/database';
import { verifyWebhook, type SignatureHeaders } from '../../platform/webhook-signature';
import { readAll } from '../events/support';
import { startReceiver, type Receiver } from './receiver';
import { ACTOR, always, openWebhookShop, secrets, send, subjectOf, type WebhookShop } from './support';

/** How events come to one webhook, with real receivers. */

let shop: WebhookShop;
let receiver: Receiver;
let context: DeliveryContext;

beforeEach(async () => {
  shop = await openWebhookShop();
  ({ receiver, context } = shop);
});
afterEach(() => shop.close());

test('a webhook is told of the events of its types that come after it, in their order, signed', async () => {
  await shop.happen('before');
  const { id, secret } = await shop.add();
  await shop.happen('a', 'b', 'c');
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 3, failed: 0 });
  expect(shop.subjects()).toEqual(['a', 'b', 'c']);
  const [first] = receiver.received;
  const headers = first?.headers as Partial<SignatureHeaders>;
  expect(verifyWebhook([secret], { headers, body: Buffer.from(first?.body ?? '') })).toBe('valid');
  const [latest] = await shop.deliveriesOf(id);
  expect(latest).toMatchObject({ type: 'job.started', status: 'delivered', tries: 1, nextTryAt: null });
  expect(latest?.requests).toMatchObject([{ status: 204, error: null }]);
  expect(Object.keys(latest?.requests[0]?.headers ?? {})).not.toContain('webhook-signature');
  expect(headers['webhook-id']).toBe(`evt_${(latest?.position ?? 0) - 2}`);
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 0, failed: 0 });
});

test('what fails is tried again later under the same id, and holds up nothing behind it', async () => {
  const { id } = await shop.add();
  receiver.answer = (res, received) => res.writeHead(subjectOf(received) === 'a' ? 500 : 200).end('oh');
  await shop.happen('a', 'b');
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 1, failed: 1 });
  const [, failing] = await shop.deliveriesOf(id);
  expect(failing).toMatchObject({ status: 'pending', tries: 1 });
  expect(failing?.requests).toMatchObject([
    { status: 500, answer: 'oh', error: 'the receiver answered 500' },
  ]);
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 0, failed: 0 });
  receiver.answer = (res) => res.writeHead(200).end();
  await shop.letTimePass();
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 1, failed: 0 });
  expect(shop.subjects()).toEqual(['a', 'b', 'a']);
  const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
  expect(ids[2]).toBe(ids[0]);
  expect((await readWebhook(shop.db, id)).failingSince).toBeNull();
});

test('what was answered to events of one thing is forgotten with it, and what was answered to others stays', async () => {
  const { id } = await shop.add();
  receiver.answer = (res, received) => res.end(`thanks for ${subjectOf(received)}`);
  await shop.happen('a', 'b');
  await serveWebhook(context, id, always);
  const [, first] = await shop.deliveriesOf(id);
  // Also where it is sent again.
  const position = first?.position ?? 0;
  await redeliver(shop.db, id, { from: position, to: position, actor: ACTOR });
  await serveWebhook(context, id, always);
  expect(shop.subjects()).toEqual(['a', 'b', 'a']);
  await eraseAnswersOf(shop.db, ['a', 'c']);
  const answers = (await shop.deliveriesOf(id)).map(({ requests }) => requests.map(({ answer }) => answer));
  expect(answers).toEqual([['thanks for b'], [null, null]]);
});

test('Retry-After puts the next try off', async () => {
  const { id } = await shop.add();
  receiver.answer = (res) => res.writeHead(503, { 'retry-after': '7200' }).end();
  await shop.happen('a');
  await serveWebhook(context, id, always);
  const [delivery] = await shop.deliveriesOf(id);
  expect(Date.parse(delivery?.nextTryAt ?? '') - Date.now()).toBeGreaterThan(7_000_000);
});

test('410 disables a webhook, with an alert, and enabling it ends that and goes on', async () => {
  const { id, url } = await shop.add();
  receiver.answer = (res) => res.writeHead(410).end();
  await shop.happen('a', 'b');
  await serveWebhook(context, id, always);
  expect(shop.subjects()).toEqual(['a']);
  expect(await readWebhook(shop.db, id)).toMatchObject({ disabled: 'gone' });
  const alerts = () =>
    shop.db.pool
      .query(`select status from alerts where kind = 'work_failed' and details ->> 'id' = $1`, [id])
      .then(({ rows }) => rows as unknown[]);
  expect(await alerts()).toEqual([{ status: 'open' }]);
  await shop.happen('c');
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 0, failed: 0 });
  receiver.answer = (res) => res.writeHead(200).end();
  await changeWebhook(shop.db, id, { url, description: null, types: ['job.*'], enabled: true }, ACTOR);
  expect(await alerts()).toEqual([{ status: 'resolved' }]);
  await serveWebhook(context, id, always);
  expect(shop.subjects()).toEqual(['a', 'b', 'c']);
});

test('a dispatcher that dies as it disables a webhook leaves none that is disabled and nobody was told of', async () => {
  const { id } = await shop.add();
  receiver.answer = (res) => res.writeHead(410).end();
  await shop.happen('a');
  const orDies =
    (on: Queryable): Queryable['query'] =>
    (sent) =>
      sent.name === 'alerts.record_failure' ? Promise.reject(new Error('the process died')) : on.query(sent);
  const dying: Database = {
    ...shop.db,
    query: orDies(shop.db),
    retrying: (work) => shop.db.retrying((tx) => work({ ...tx, query: orDies(tx) })),
  };
  await expect(serveWebhook({ ...context, db: dying }, id, always)).rejects.toThrow('died');
  await serveWebhook(context, id, always);
  expect(await readWebhook(shop.db, id)).toMatchObject({ disabled: 'gone' });
  const { rows } = await shop.db.pool.query(`select status from alerts where kind = 'work_failed'`);
  expect(rows).toEqual([{ status: 'open' }]);
});

test('three days without success end a delivery and disable the webhook; one that took others in between stays', async () => {
  const { id } = await shop.add();
  receiver.answer = (res) => res.writeHead(500).end();
  await shop.happen('a');
  await serveWebhook(context, id, always);
  await shop.db.pool.query(
    `update webhook_deliveries set first_try_at = first_try_at - interval '72 hours', next_try_at = clock_timestamp()`,
  );
  await serveWebhook(context, id, always);
  expect(await shop.deliveriesOf(id)).toMatchObject([{ status: 'failed', tries: 2, nextTryAt: null }]);
  expect(await readWebhook(shop.db, id)).toMatchObject({ disabled: null });
  await shop.db.pool.query(`update webhooks set failing_since = failing_since - interval '72 hours'`);
  await shop.happen('b');
  await serveWebhook(context, id, always);
  expect(await readWebhook(shop.db, id)).toMatchObject({ disabled: 'failing' });
});

test('events are delivered again on request, one or a range, also such as came before the webhook', async () => {
  await shop.happen('before');
  const { id } = await shop.add();
  await shop.happen('a', 'b', 'c');
  await serveWebhook(context, id, always);
  const [c, b, a] = await shop.deliveriesOf(id);
  expect(await redeliver(shop.db, id, { from: b?.position ?? 0, to: b?.position ?? 0, actor: ACTOR })).toBe(
    1,
  );
  await serveWebhook(context, id, always);
  expect(shop.subjects()).toEqual(['a', 'b', 'c', 'b']);
  expect(await redeliver(shop.db, id, { from: 1, to: c?.position ?? 0, actor: ACTOR })).toBe(4);
  await serveWebhook(context, id, always);
  expect(shop.subjects().slice(4)).toEqual(['before', 'a', 'b', 'c']);
  expect(a?.position).toBeLessThan(b?.position ?? 0);
  await expect(redeliver(shop.db, id, { from: 1_000, to: 1_001, actor: ACTOR })).resolves.toBe(0);
});

test('events of a webhook that is removed as they are planned again are not found', async () => {
  const { id } = await shop.add();
  await shop.happen('a');
  await serveWebhook(context, id, always);
  const removing: Database = {
    ...shop.db,
    async query(sent) {
      const result = await shop.db.query(sent);
      if (sent.name === 'events.window') await removeWebhook(shop.db, id, ACTOR);
      return result;
    },
  };
  const range = { from: 1, to: 1_000, actor: ACTOR };
  await expect(redeliver(removing, id, range)).rejects.toMatchObject({ code: 'WEBHOOK_NOT_FOUND' });
});

test('a changed secret signs beside the one before until its time is over; nothing in the database shows either', async () => {
  const { id, secret: old } = await shop.add();
  const { secret } = await rotateSecret(context, id, { overlapSeconds: 3_600, actor: ACTOR });
  await shop.happen('a');
  await serveWebhook(context, id, always);
  await shop.db.pool.query('update webhooks set previous_until = clock_timestamp()');
  await shop.happen('b');
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

test('positions that are passed over, as after a restore, are no events, and what comes next is told', async () => {
  const { id } = await shop.add();
  await shop.happen('a');
  await serveWebhook(context, id, always);
  // As `docs/operations.md` has it.
  await shop.db.pool.query('update event_head set next_position = next_position + 20000');
  await shop.happen('b');
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 1, failed: 0 });
  expect(shop.subjects()).toEqual(['a', 'b']);
  const [b, a] = await shop.deliveriesOf(id);
  expect((b?.position ?? 0) - (a?.position ?? 0)).toBeGreaterThan(20_000);
  expect((await readAll(shop.db, { types: ['job.started'] })).map(({ subject }) => subject.id)).toEqual([
    'a',
    'b',
  ]);
});

test('what is sent is read by its position alone, however much comes after it', async () => {
  const { id } = await shop.add();
  await shop.happen('a', 'b', 'c');
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
  expect(shop.subjects()).toEqual(['a', 'b', 'c']);
  expect(looked).toEqual([1, 1, 1]);
});

test('an address and a secret that are changed count from the next message on', async () => {
  const { id } = await shop.add();
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
  await shop.happen('a', 'b');
  await serveWebhook({ ...context, send: changing }, id, always);
  expect([shop.subjects(), shop.subjects(other)]).toEqual([['a'], ['b']]);
  const [second] = other.received;
  const headers = second?.headers as Partial<SignatureHeaders>;
  expect(verifyWebhook([changed], { headers, body: Buffer.from(second?.body ?? '') })).toBe('valid');
  await other.close();
});

test('what the receiver at the address before answers, and how long it has failed, does not disable a webhook', async () => {
  const { id } = await shop.add();
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
  await shop.happen('a', 'b');
  expect(await serveWebhook({ ...context, send: changing }, id, always)).toEqual({ delivered: 0, failed: 2 });
  expect([shop.subjects(), shop.subjects(other)]).toEqual([['a'], ['b']]);
  expect(await readWebhook(shop.db, id)).toMatchObject({ disabled: null });
  await other.close();
});

test('a dispatcher that dies after it has sent sends again; two of them send nothing twice', async () => {
  const { id } = await shop.add();
  await shop.happen('a', 'b');
  // It has sent, and what it would write is lost with it.
  const dying: WebhookSender = async (message) => {
    await send(message);
    throw new Error('the process died');
  };
  await expect(serveWebhook({ ...context, send: dying }, id, always)).rejects.toThrow('died');
  expect(shop.subjects()).toEqual(['a']);
  const served = await Promise.all([serveWebhook(context, id, always), serveWebhook(context, id, always)]);
  expect(served.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(2);
  expect(shop.subjects()).toEqual(['a', 'a', 'b']);
});

test('a webhook whose dispatcher is gone without a word is taken over when its lease is over', async () => {
  const { id } = await shop.add();
  await shop.happen('a');
  await shop.db.pool.query(
    `update webhooks set lease = gen_random_uuid(), leased_until = clock_timestamp() + interval '1 minute'`,
  );
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 0, failed: 0 });
  await shop.db.pool.query('update webhooks set leased_until = clock_timestamp()');
  expect(await serveWebhook(context, id, always)).toEqual({ delivered: 1, failed: 0 });
});

test('events that are kept no more are passed over, and a delivery of one has failed', async () => {
  const { id } = await shop.add();
  await shop.happen('a');
  receiver.answer = (res) => res.writeHead(500).end();
  await serveWebhook(context, id, always);
  await shop.happen('b');
  await shop.db.pool.query(
    'delete from event_batches where last_position < (select next_position - 1 from event_head)',
  );
  receiver.answer = (res) => res.writeHead(200).end();
  await shop.letTimePass();
  await serveWebhook(context, id, always);
  expect(shop.subjects()).toEqual(['a', 'b']);
  expect((await shop.deliveriesOf(id)).map(({ status }) => status)).toEqual(['delivered', 'failed']);
});

test('each try is counted by what became of it', async () => {
  const counted: TryOutcome[] = [];
  const counting = { ...context, onTried: (outcome: TryOutcome) => counted.push(outcome) };
  const { id } = await shop.add();
  await shop.happen('a');
  receiver.answer = (res) => res.writeHead(500).end();
  await serveWebhook(counting, id, always);
  receiver.answer = (res) => res.writeHead(200).end();
  await shop.letTimePass();
  await serveWebhook(counting, id, always);
  receiver.answer = (res) => res.writeHead(410).end();
  await shop.happen('b');
  await serveWebhook(counting, id, always);
  expect(counted).toEqual(['postponed', 'delivered', 'failed']);
});
