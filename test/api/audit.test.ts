import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenApiDocument } from '../../api/http/openapi';
import { newId } from '../../platform/ids';
import { ADMIN_CALLER } from '../support/access-keys';
import { waitFor } from '../support/wait';
import { AUDITED, NOT_AUDITED } from './audit-table';
import { logIn, sessionOf, signUp } from './people-api';
import { openStackApi, type StackApi } from './stack-api';
import { order, type CallOptions, type Reply } from './support';

let test: StackApi;
beforeAll(async () => {
  test = await openStackApi({ settings: { SIGNING_KEYS_SECRET: randomBytes(32).toString('base64') } });
});
afterAll(() => test.stack.stop());

/** The id that Holdfast gave a request. */
const idOf = ({ headers }: Reply) => headers.get('x-holdfast-request-id');

it('an operator who acts for a customer is recorded with the customer', async () => {
  const { id, email } = await signUp(test);
  await test.stack.db.pool.query(`update users set role = 'operator' where id = $1`, [id]);
  const operator = `user:${id}`;
  const { accessToken } = sessionOf(await logIn(test, email));
  const as = { key: null, headers: { authorization: `Bearer ${accessToken}` } };
  const body = { ...order(await test.newSku(1), 1), customerId: 'c-42' };
  const placed = await test.call('POST', '/orders', { ...as, body });
  expect(placed.status).toBe(201);
  const cancelled = await test.call('POST', `/orders/${placed.body.id}/cancel`, as);
  expect(cancelled.status).toBe(200);
  const both = { actor: operator, onBehalfOf: 'c-42' };
  const { body: history } = await test.call('GET', `/orders/${placed.body.id}/events`);
  expect(history.items).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ type: 'order_placed', ...both }),
      expect.objectContaining({ type: 'cancel_requested', ...both }),
    ]),
  );
  const search = `/admin/audit?actor=${operator}&onBehalfOf=c-42&subject=order:${placed.body.id}`;
  const log = await test.call('GET', search, as);
  expect(log).toMatchObject({
    status: 200,
    body: {
      items: [
        { action: 'order.cancel_requested', ...both, requestId: idOf(cancelled), address: null },
        { action: 'order.order_placed', ...both, requestId: idOf(placed), after: { event: 1 } },
      ],
      nextCursor: null,
    },
  });
  // The workflow carries the request's id alone: from where it came is kept beside, and is for admins.
  expect((await test.call('GET', search)).body.items).toMatchObject([
    { action: 'order.cancel_requested', address: '127.0.0.1' },
    { action: 'order.order_placed', address: '127.0.0.1' },
  ]);
});

it('what somebody does with an order of their own is in its history alone', async () => {
  const { body } = await test.place(order(await test.newSku(1), 1));
  const cancelled = await test.call('POST', `/orders/${body.id}/cancel`);
  const { pool } = test.stack.db;
  expect((await pool.query('select from audit_log where subject_id = $1', [body.id])).rows).toEqual([]);
  // Nor is it kept from where they did it.
  const kept = await pool.query('select from audit_origins where request_id = $1', [idOf(cancelled)]);
  expect(kept.rows).toEqual([]);
});

it('a feed is one entry, whatever number of rows it has; each change of stock is in the ledger with who sent it', async () => {
  const skus = [await test.newSku(1), await test.newSku(1), await test.newSku(1)];
  const { pool } = test.stack.db;
  const before = await pool.query<{ log: string }>('select coalesce(max(id), 0)::text as log from audit_log');
  const raw = ['sku,location,quantity', ...skus.map((sku) => `${sku},AMS,7`), ''].join('\n');
  const started = await test.call('POST', '/jobs/feed', { raw, headers: { 'content-type': 'text/csv' } });
  expect(started.status).toBe(202);
  const { jobId } = started.body as unknown as { jobId: string };
  await waitFor(async () => (await test.call('GET', `/jobs/${jobId}`)).body.status === 'completed');
  const { rows: log } = await pool.query(
    'select action, subject_id as subject, actor from audit_log where id > $1::bigint',
    [before.rows[0]!.log],
  );
  expect(log).toEqual([{ action: 'job.started', subject: jobId, actor: ADMIN_CALLER }]);
  const { rows: ledger } = await pool.query(
    `select actor, count(*)::int as entries from inventory_transactions
     where product_id in (select id from products where sku = any ($1)) and kind <> 'opening' and on_hand_delta = 6 group by actor`,
    [skus],
  );
  expect(ledger).toEqual([{ actor: ADMIN_CALLER, entries: 3 }]);
});

it('the log is searched by staff, page by page, and addresses are for admins', async () => {
  const read = (query: string, options?: CallOptions) => test.call('GET', `/admin/audit?${query}`, options);
  const given = `audit-${newId()}`;
  const added = await test.call('POST', '/categories', {
    body: { code: `R${newId().slice(-6)}`, name: 'Searched' },
    headers: { 'x-request-id': given },
  });
  expect(added.headers.get('x-request-id')).toBe(given);
  const requestId = idOf(added);
  const found = await read(`requestId=${requestId}`);
  expect(found.body.items).toMatchObject([
    { action: 'category.added', actor: ADMIN_CALLER, address: '127.0.0.1', requestId },
  ]);
  // What a caller makes up is not what the log has.
  expect((await read(`requestId=${given}`)).body.items).toEqual([]);
  const first = await read('limit=1');
  const next = await read(`limit=1&cursor=${first.body.nextCursor}`);
  expect(next.body.items).toHaveLength(1);
  expect(next.body.items[0]!.id).toBeLessThan(Number(first.body.items[0]!.id));
  for (const wrong of ['subject=nothing', 'subject=order:', 'from=yesterday', 'cursor=xyz', 'actr=user:1'])
    expect([wrong, (await read(wrong)).status]).toEqual([wrong, 422]);
  const far = Buffer.from(JSON.stringify({ atMicros: '2026-01-01T00:00:00Z', id: 1e300 })).toString(
    'base64url',
  );
  expect((await read(`cursor=${far}`)).status).toBe(422);
});

it('every route that changes something is in one test of who made the change, and every such test is there', async () => {
  const document = JSON.parse((await test.call('GET', '//openapi.json')).text) as OpenApiDocument;
  const changing = Object.entries(document.paths ?? {}).flatMap(([path, methods]) => {
    const called = path.startsWith('/api/v1') ? path.slice('/api/v1'.length) : `/${path}`;
    return Object.keys(methods as object)
      .filter((method) => method !== 'get')
      .map((method) => `${method.toUpperCase()} ${called}`);
  });
  const known = [...Object.values(AUDITED).flat(), ...Object.keys(NOT_AUDITED)];
  expect([...known].sort()).toEqual([...changing].sort());
  const sources = readdirSync(__dirname)
    .filter((name) => name.startsWith('audit-') && name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(__dirname, name), 'utf8'));
  const tests = sources.flatMap((source) =>
    [...source.matchAll(/^audited\('(\w+)'/gm)].map(([, name]) => name),
  );
  expect(tests.sort()).toEqual(Object.keys(AUDITED).sort());
});
