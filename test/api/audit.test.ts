import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenApiDocument } from '../../api/http/openapi';
import { raiseAlert } from '../../domain/stock/alerts/alerts';
import { recordFailure } from '../../domain/stock/alerts/failed-work';
import { hashOfToken } from '../../domain/identity/secret-token';
import { newId } from '../../platform/ids';
import { newEmail, PASSWORD } from '../identity/people';
import { ADMIN_CALLER } from '../support/access-keys';
import { gatewayAskedLongAgo } from '../support/fixtures';
import { waitFor } from '../support/wait';
import { openStackApi, type StackApi } from './stack-api';
import { order, type CallOptions, type Reply } from './support';

/** Where a change is recorded, with whoever made it: an entry of the log, an event of an order, an entry of the ledger. */
type Recorded = { log: string } | { event: string } | { ledger: string };

/** Routes that change nothing that somebody decides. */
const NOTHING: Readonly<{ [route: string]: string }> = {
  'POST /auth/refresh': 'goes on with a session, whose beginning and end are in the log',
  'POST /auth/password-reset': 'asks for a mail, and says nothing of whose account it is',
  'POST /carriers/{name}/events': 'of a third party: carrier_events has it',
  'POST /gateways/{name}/events': 'of a third party: gateway_events has it',
  'POST //codec/decode': 'shows what workflows carry, and changes nothing',
  'POST //codec/encode': 'changes nothing',
  'POST //sandbox/3ds/{ref}/{answer}': 'the page of a bank, which only the sandbox has',
};

/** Routes whose state is brought about by tests of their own, which read who did it. */
const ELSEWHERE: Readonly<{ [route: string]: string }> = {
  'POST /payments/{id}/resolve': 'test/db/lost-authorizations.test.ts',
  'POST /inventory/alerts/{id}/resolve': 'test/db/attention.test.ts',
};

let test: StackApi;
const recorded = new Set<string>();

beforeAll(async () => {
  test = await openStackApi({
    settings: {
      SIGNING_KEYS_SECRET: randomBytes(32).toString('base64'),
      REVIEW_FROM: ['USD:90000'],
      REVIEW_SECONDS: 3_600,
    },
  });
});
afterAll(() => test.stack.stop());

/** Calls a route, which succeeds, and finds who called it where the change is recorded. */
async function expectRecorded(
  route: string,
  record: Recorded,
  args: { params?: { [name: string]: string }; body?: unknown; options?: CallOptions; actor?: string },
): Promise<Reply> {
  const [method = '', template = ''] = route.split(' ');
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(args.params?.[name] ?? ''),
  );
  const pool = test.stack.db.pool;
  const { rows } = await pool.query<{ log: string; ledger: string; at: string }>(
    `select (select coalesce(max(id), 0) from audit_log)::text as log, clock_timestamp()::text as at,
            (select coalesce(max(id), 0) from inventory_transactions)::text as ledger`,
  );
  const before = rows[0]!;
  const headers: { [name: string]: string } =
    method === 'PUT' ? { 'if-match': '*' } : { 'idempotency-key': newId() };
  const reply = await test.call(method, path, {
    ...args.options,
    headers: { ...headers, ...args.options?.headers },
    ...(args.body === undefined ? {} : { body: args.body }),
  });
  expect([route, reply.status, reply.status >= 300 ? reply.body : '']).toEqual([
    route,
    expect.any(Number),
    '',
  ]);
  const [table, what, since] =
    'log' in record
      ? ['select action as what, actor from audit_log where id > $1::bigint', record.log, before.log]
      : 'event' in record
        ? ['select type as what, actor from order_events where at > $1::timestamptz', record.event, before.at]
        : [
            'select kind as what, actor from inventory_transactions where id > $1::bigint',
            record.ledger,
            before.ledger,
          ];
  const found = (await pool.query<{ what: string; actor: string | null }>(table, [since])).rows;
  const actor = args.actor ?? ADMIN_CALLER;
  expect([route, found]).toEqual([route, expect.arrayContaining([{ what, actor }])]);
  if ('log' in record) {
    const { rows: asked } = await pool.query<{ id: string }>(
      'select request_id as id from audit_log where id > $1::bigint and action = $2 and request_id is not null',
      [before.log, what],
    );
    expect([route, asked.map(({ id }) => id)]).toEqual([
      route,
      expect.arrayContaining([reply.headers.get('x-request-id')]),
    ]);
  }
  recorded.add(route);
  return reply;
}

it('people: each change has who made it', async () => {
  const email = newEmail();
  await test.call('POST', '/users', { key: null, body: { email, password: PASSWORD, name: 'Ada' } });
  const idOf = async (address: string) =>
    (
      await test.stack.db.pool.query<{ id: string }>(
        'select user_id as id from user_profiles where email = $1',
        [address],
      )
    ).rows[0]!.id;
  const id = await idOf(email);
  const other = newEmail();
  const registered = { email: other, password: PASSWORD, name: 'Grace' };
  await expectRecorded('POST /users', { log: 'user.added' }, { body: registered });
  const actor = `user:${id}`;
  const login = () =>
    expectRecorded(
      'POST /auth/login',
      { log: 'session.begun' },
      { actor, options: { key: null }, body: { email, password: PASSWORD } },
    );
  const session = (await login()).body as unknown as { accessToken: string; refreshToken: string };
  const signedIn = { key: null, headers: { authorization: `Bearer ${session.accessToken}` } };
  await expectRecorded(
    'PUT /users/{id}',
    { log: 'user.renamed' },
    { actor, params: { id }, options: signedIn, body: { name: 'Ada L.' } },
  );
  const changed = { password: { current: PASSWORD, new: `${PASSWORD}!` } };
  await expectRecorded(
    'PUT /users/{id}',
    { log: 'user.password_changed' },
    { actor, params: { id }, options: signedIn, body: changed },
  );
  await expectRecorded(
    'PUT /users/{id}',
    { log: 'user.rights_changed' },
    { params: { id }, body: { status: 'disabled' } },
  );
  await expectRecorded(
    'PUT /users/{id}',
    { log: 'user.rights_changed' },
    { params: { id }, body: { status: 'active' } },
  );
  const token = async (kind: string) => {
    const secret = randomBytes(32).toString('base64url');
    const mail = newId();
    await test.stack.db.pool.query('insert into account_mails (id, user_id, kind) values ($1, $2, $3)', [
      mail,
      id,
      kind,
    ]);
    await test.stack.db.pool.query(
      `insert into account_tokens (token_hash, mail_id, expires_at) values ($1, $2, now() + interval '1 hour')`,
      [hashOfToken(secret), mail],
    );
    return secret;
  };
  await expectRecorded(
    'POST /auth/password-reset/confirm',
    { log: 'user.password_changed' },
    {
      actor,
      options: { key: null },
      body: { token: await token('reset_password'), password: PASSWORD },
    },
  );
  await expectRecorded(
    'POST /auth/confirm-email',
    { log: 'user.email_confirmed' },
    {
      actor,
      options: { key: null },
      body: { token: await token('confirm_email'), password: PASSWORD },
    },
  );
  const again = (await login()).body as unknown as { accessToken: string; refreshToken: string };
  await expectRecorded(
    'POST /auth/logout',
    { log: 'session.ended' },
    {
      actor,
      options: { key: null },
      body: { refreshToken: again.refreshToken },
    },
  );
  await expectRecorded('DELETE /users/{id}', { log: 'user.erased' }, { params: { id: await idOf(other) } });
  const last = (await login()).body as unknown as { accessToken: string };
  await expectRecorded(
    'POST /auth/logout-all',
    { log: 'user.sessions_ended' },
    {
      actor,
      options: { key: null, headers: { authorization: `Bearer ${last.accessToken}` } },
    },
  );
});

it('keys: each change has who made it', async () => {
  const made = await expectRecorded(
    'POST /api-keys',
    { log: 'api_key.made' },
    {
      body: { service: 'a shop', role: 'service', scopes: ['orders'] },
    },
  );
  const rotated = await expectRecorded(
    'POST /api-keys/{id}/rotate',
    { log: 'api_key.rotated' },
    { params: { id: made.body.id } },
  );
  await expectRecorded(
    'DELETE /api-keys/{id}',
    { log: 'api_key.revoked' },
    { params: { id: rotated.body.id } },
  );
});

it('the catalogue: each change has who made it', async () => {
  const fields = { name: 'Lamp', priceMinor: 100, currency: 'USD' };
  const sku = `LAMP-${newId().slice(-6)}`;
  await expectRecorded('POST /products', { log: 'product.added' }, { body: { sku, ...fields } });
  await expectRecorded(
    'PUT /products/{sku}',
    { log: 'product.changed' },
    { params: { sku }, body: { ...fields, priceMinor: 120 } },
  );
  await expectRecorded('POST /products/{sku}/archive', { log: 'product.archived' }, { params: { sku } });
  await expectRecorded('POST /products/{sku}/restore', { log: 'product.restored' }, { params: { sku } });
  await expectRecorded(
    'PUT /products/{sku}/tracking',
    { log: 'product.tracking_set' },
    {
      params: { sku },
      body: { lots: true, serials: false },
    },
  );
  const code = `C${newId().slice(-6)}`;
  await expectRecorded('POST /categories', { log: 'category.added' }, { body: { code, name: 'Light' } });
  await expectRecorded(
    'PUT /categories/{code}',
    { log: 'category.changed' },
    { params: { code }, body: { name: 'Lights' } },
  );
  await expectRecorded(
    'PUT /categories/{code}/thresholds',
    { log: 'category.thresholds_set' },
    {
      params: { code },
      body: { lowStock: 3, overstock: null },
    },
  );
  await expectRecorded('POST /categories/{code}/archive', { log: 'category.archived' }, { params: { code } });
  await expectRecorded('POST /categories/{code}/restore', { log: 'category.restored' }, { params: { code } });
  const place = { name: 'Somewhere', latitude: 1, longitude: 2, region: 'north' };
  const w = `W${newId().slice(-6)}`;
  await expectRecorded('POST /warehouses', { log: 'warehouse.added' }, { body: { code: w, ...place } });
  await expectRecorded(
    'PUT /warehouses/{code}',
    { log: 'warehouse.changed' },
    { params: { code: w }, body: { ...place, region: 'south' } },
  );
  await expectRecorded('POST /warehouses/{code}/close', { log: 'warehouse.closed' }, { params: { code: w } });
  await expectRecorded(
    'POST /warehouses/{code}/re-source',
    { log: 'warehouse.re_sourced' },
    { params: { code: w } },
  );
  await expectRecorded('POST /warehouses/{code}/open', { log: 'warehouse.opened' }, { params: { code: w } });
});

it('stock: each change has who made it', async () => {
  const { call } = test;
  const sku = await test.newSku(20);
  const at = { params: { sku } };
  for (const under of ['/inventory/{sku}', '/products/{sku}/inventory']) {
    const body = { location: 'AMS', reason: 'found' };
    await expectRecorded(
      `POST ${under}/adjust`,
      { ledger: 'adjust' },
      { ...at, body: { ...body, delta: 1 } },
    );
    const thresholds = { location: 'AMS', lowStock: under.length, overstock: null };
    await expectRecorded(
      `PUT ${under}/thresholds`,
      { log: 'product.thresholds_set' },
      { ...at, body: thresholds },
    );
    await expectRecorded(
      `PUT ${under}/safety-stock`,
      { log: 'product.safety_stock_set' },
      { ...at, body: { units: under.length % 5 } },
    );
    const { body: held } = await expectRecorded(
      `POST ${under}/reserve`,
      { ledger: 'reserve' },
      { ...at, body: { quantity: 1 } },
    );
    await expectRecorded(
      `POST ${under}/release`,
      { ledger: 'release' },
      { ...at, body: { reservationId: held.id } },
    );
    await expectRecorded(
      `POST ${under}/quality-hold`,
      { log: 'quality_hold.made' },
      {
        ...at,
        body: { location: 'AMS', quantity: 1, reason: 'scratched' },
      },
    );
  }
  await expectRecorded(
    'POST /inventory/batch',
    { ledger: 'adjust' },
    {
      body: { atomic: true, updates: [{ sku, location: 'AMS', delta: 1, reason: 'found' }] },
    },
  );
  const holds = (await call('GET', '/quality-holds')).body.items;
  await expectRecorded(
    'POST /quality-holds/{id}/release',
    { log: 'quality_hold.released' },
    { params: { id: holds[0]!.id } },
  );
  await expectRecorded(
    'POST /quality-holds/{id}/write-off',
    { log: 'quality_hold.written_off' },
    { params: { id: holds[1]!.id } },
  );

  const held = await expectRecorded(
    'POST /reservations',
    { ledger: 'reserve' },
    { body: { items: [{ sku, quantity: 2 }] } },
  );
  const hold = { params: { id: held.body.id } };
  await expectRecorded(
    'PATCH /reservations/{id}',
    { ledger: 'reserve' },
    { ...hold, body: { items: [{ sku, quantity: 3 }] } },
  );
  await expectRecorded(
    'POST /reservations/{id}/extend',
    { log: 'hold.extended' },
    { ...hold, body: { holdSeconds: 3_600 } },
  );
  await expectRecorded('POST /reservations/{id}/confirm', { log: 'hold.confirmed' }, hold);
  await expectRecorded('POST /reservations/{id}/ship', { ledger: 'ship' }, hold);
  const other = await expectRecorded(
    'POST /reservations',
    { ledger: 'reserve' },
    { body: { items: [{ sku, quantity: 1 }] } },
  );
  await expectRecorded(
    'POST /reservations/{id}/release',
    { ledger: 'release' },
    { params: { id: other.body.id } },
  );

  const code = `T${newId().slice(-6)}`;
  const place = { name: 'Elsewhere', latitude: 1, longitude: 2, region: 'north' };
  expect((await call('POST', '/warehouses', { body: { code, ...place } })).status).toBe(201);
  const transfer = { sku, from: 'AMS', to: code, quantity: 1, mode: 'in_transit' };
  const sent = await expectRecorded(
    'POST /inventory/transfer',
    { ledger: 'transfer_out' },
    { body: transfer },
  );
  await expectRecorded(
    'POST /transfers/{id}/receive',
    { ledger: 'transfer_in' },
    { params: { id: sent.body.id }, body: {} },
  );
  const second = await expectRecorded(
    'POST /inventory/transfer',
    { ledger: 'transfer_out' },
    { body: transfer },
  );
  await expectRecorded(
    'POST /transfers/{id}/cancel',
    { ledger: 'transfer_in' },
    { params: { id: second.body.id }, body: {} },
  );

  const { rows } = await test.stack.db.pool.query<{ p: number; w: number }>(
    `select product_id as p, warehouse_id as w from stock where product_id = (select id from products where sku = $1) limit 1`,
    [sku],
  );
  await test.stack.db.transaction((tx) =>
    raiseAlert(tx, { kind: 'ledger_drift', productId: rows[0]!.p, warehouseId: rows[0]!.w, details: {} }),
  );
  const [alert] = (await call('GET', `/inventory/alerts?kind=ledger_drift&sku=${sku}`)).body.items;
  await expectRecorded(
    'POST /inventory/alerts/{id}/acknowledge',
    { log: 'alert.acknowledged' },
    { params: { id: alert!.id } },
  );
});

it('what a warehouse does: each change has who made it', async () => {
  const sku = await test.newSku(10);
  const made = await expectRecorded(
    'POST /receipts',
    { log: 'receipt.made' },
    {
      body: { location: 'AMS', supplierReference: newId(), lines: [{ sku, quantity: 5, unitCostMinor: 10 }] },
    },
  );
  const receipt = { params: { id: made.body.id } };
  await expectRecorded(
    'POST /receipts/{id}/correct',
    { log: 'receipt.corrected' },
    {
      ...receipt,
      body: { reason: 'the invoice', lines: [{ line: 1, unitCostMinor: 12 }] },
    },
  );
  await expectRecorded(
    'POST /receipts/{id}/reverse',
    { log: 'receipt.reversed' },
    { ...receipt, body: { reason: 'sent back' } },
  );

  const counted = async (quantity: number) => {
    const made = await expectRecorded(
      'POST /counts',
      { log: 'count_sheet.made' },
      { body: { location: 'AMS', skus: [sku] } },
    );
    const sheet = { params: { id: made.body.id } };
    const lines = [{ sku, counted: quantity }];
    await expectRecorded(
      'PUT /counts/{id}/lines',
      { log: 'count_sheet.counted' },
      { ...sheet, body: { lines } },
    );
    await expectRecorded('POST /counts/{id}/submit', { log: 'count_sheet.submitted' }, sheet);
    return sheet;
  };
  await expectRecorded('POST /counts/{id}/approve', { log: 'count_sheet.approved' }, await counted(9));
  await expectRecorded('POST /counts/{id}/reject', { log: 'count_sheet.rejected' }, await counted(8));
  await expectRecorded('POST /counts/{id}/recount', { log: 'count_sheet.sent_back' }, await counted(7));

  const lots = `LOT-${newId().slice(-6)}`;
  await test.call('POST', '/products', { body: { sku: lots, name: 'Milk', priceMinor: 1, currency: 'USD' } });
  await test.call('PUT', `/products/${lots}/tracking`, { body: { lots: true, serials: false } });
  const lot = { code: 'L-1', expiresOn: '2099-01-01' };
  const reply = await test.call('POST', '/receipts', {
    body: { location: 'AMS', supplierReference: newId(), lines: [{ sku: lots, quantity: 5, lot }] },
  });
  expect(reply.status).toBe(201);
  const params = { sku: lots, lot: 'L-1' };
  for (const under of ['/inventory/{sku}', '/products/{sku}/inventory']) {
    const expiresOn = under === '/inventory/{sku}' ? '2099-02-01' : '2099-02-02';
    await expectRecorded(
      `PUT ${under}/lots/{lot}`,
      { log: 'lot.expiry_corrected' },
      { params, body: { expiresOn, reason: 'misread' } },
    );
    await expectRecorded(
      `POST ${under}/lots/{lot}/recall`,
      { log: 'lot.recalled' },
      { params, body: { reason: 'spoilt' } },
    );
    await expectRecorded(
      `POST ${under}/lots/{lot}/end-recall`,
      { log: 'lot.recall_ended' },
      { params, body: { reason: 'fine' } },
    );
  }
});

it('jobs: each change has who made it', async () => {
  const started = await expectRecorded(
    'POST /jobs/consistency',
    { log: 'job.started' },
    { body: { mode: 'full', checks: ['seals'] } },
  );
  const upload = (route: string, raw: string) =>
    expectRecorded(
      route,
      { log: 'job.started' },
      { options: { raw, headers: { 'content-type': 'text/csv' } } },
    );
  await upload('POST /jobs/feed', 'sku,location,quantity\nNOPE,AMS,5\n');
  await upload('POST /jobs/products', 'sku,name,price,currency\nNEW-1,New,1.00,USD\n');
  expect(started.status).toBe(202);
  const id = newId();
  await test.stack.db.pool.query(
    `insert into jobs (id, type, input, actor) values ($1, 'consistency', '{"mode": "full", "checks": ["seals"]}', 'test')`,
    [id],
  );
  await expectRecorded('POST /jobs/{id}/cancel', { log: 'job.cancel_requested' }, { params: { id } });
});

it('orders and their money: each change has who made it', async () => {
  const status = (id: string, is: string) => waitFor(async () => (await test.status(id)) === is);
  const place = (sku: string, quantity: number, also: { [member: string]: unknown } = {}) =>
    expectRecorded('POST /orders', { event: 'order_placed' }, { body: order(sku, quantity, also) });
  const card = (token = 'tok_ok') => ({ payment: { method: 'card', token } });
  const view = async (id: string) =>
    (await test.call('GET', `/orders/${id}`)).body as unknown as {
      refunds: { id: string; status: string }[];
      shipments: { id: string; status: string }[];
      payments: { captures: { id: string; status: string }[] }[];
      review: { status: string } | null;
      attention: { kind: string }[];
    };

  const unpaid = await place(await test.newSku(5), 1);
  const own = { params: { id: unpaid.body.id } };
  const [first] = unpaid.body.items;
  await expectRecorded(
    'PATCH /orders/{id}',
    { event: 'amend_requested' },
    { ...own, body: { items: [{ sku: first!.sku, quantity: 2 }] } },
  );
  await expectRecorded(
    'POST /orders/{id}/payments',
    { event: 'payment_started' },
    { ...own, body: card().payment },
  );
  await status(unpaid.body.id, 'fulfilled');
  await expectRecorded(
    'POST /orders/{id}/refunds',
    { event: 'refund_started' },
    { ...own, body: { amountMinor: 1, reason: 'late' } },
  );

  const milk = `MILK-${newId().slice(-6)}`;
  await test.call('POST', '/products', { body: { sku: milk, name: 'Milk', priceMinor: 1, currency: 'USD' } });
  await test.call('PUT', `/products/${milk}/tracking`, { body: { lots: true, serials: false } });
  for (const code of ['L-1', 'L-2'])
    await test.call('POST', '/receipts', {
      body: {
        location: 'AMS',
        supplierReference: newId(),
        lines: [{ sku: milk, quantity: 2, lot: { code } }],
      },
    });
  const shipped = await place(milk, 1, card());
  await status(shipped.body.id, 'fulfilled');
  const [parcel] = (await view(shipped.body.id)).shipments;
  // The lot that was received first has left: it is exchanged for the other.
  await expectRecorded(
    'PUT /shipments/{id}/units',
    { log: 'shipment.units_named' },
    {
      params: { id: parcel!.id },
      body: { items: [{ sku: milk, lots: [{ code: 'L-2', quantity: 1 }] }] },
    },
  );

  for (const method of ['POST', 'PUT']) {
    const { body } = await place(await test.newSku(1), 1);
    await expectRecorded(
      `${method} /orders/{id}/cancel`,
      { event: 'cancel_requested' },
      { params: { id: body.id } },
    );
  }

  const back = async () => {
    const asked = await expectRecorded(
      'POST /returns',
      { event: 'return_authorised' },
      {
        body: { orderId: unpaid.body.id, items: [{ sku: first!.sku, quantity: 1, reason: 'too big' }] },
      },
    );
    return { params: { id: asked.body.id } };
  };
  await expectRecorded('POST /returns/{id}/cancel', { event: 'return_cancelled' }, await back());
  const returned = await back();
  const items = [{ sku: first!.sku, quantity: 1 }];
  await expectRecorded(
    'POST /returns/{id}/receive',
    { event: 'return_received' },
    { ...returned, body: { location: 'AMS', items } },
  );
  await expectRecorded(
    'POST /returns/{id}/inspect',
    { event: 'return_completed' },
    {
      ...returned,
      body: { results: [{ sku: first!.sku, restock: 1 }] },
    },
  );

  const reviewed = await place(await test.newSku(100), 95, card());
  await waitFor(
    async () =>
      (await view(reviewed.body.id)).review?.status === 'open' &&
      (await view(reviewed.body.id)).attention.length > 0,
  );
  await expectRecorded(
    'POST /orders/{id}/review',
    { event: 'review_approved' },
    {
      params: { id: reviewed.body.id },
      body: { decision: 'approve' },
    },
  );

  const failing = await place(await test.newSku(2), 2, card('tok_refund_fails'));
  await status(failing.body.id, 'fulfilled');
  await test.call('POST', `/orders/${failing.body.id}/refunds`, {
    body: { amountMinor: 5, reason: 'late' },
    headers: { 'idempotency-key': newId() },
  });
  const failed = () =>
    waitFor(
      async () => (await view(failing.body.id)).refunds.find((refund) => refund.status === 'failed')?.id,
    );
  const refund = { params: { id: await failed() } };
  await gatewayAskedLongAgo(test.stack.db);
  await expectRecorded('POST /refunds/{id}/retry', { event: 'refund_retried' }, refund);
  await failed();
  await expectRecorded(
    'POST /refunds/{id}/resolve',
    { event: 'refund_settled' },
    {
      ...refund,
      body: { outcome: 'waived', reason: 'they do not want it' },
    },
  );

  const later = { capture: 'on_shipment', ...card('tok_capture_fails') };
  const uncaptured = await place(await test.newSku(1), 1, later);
  const capture = await waitFor(async () =>
    (await view(uncaptured.body.id)).payments
      .flatMap(({ captures }) => captures)
      .find((one) => one.status === 'failed'),
  );
  const captured = { params: { id: capture.id } };
  await gatewayAskedLongAgo(test.stack.db);
  await expectRecorded('POST /captures/{id}/retry', { event: 'capture_retried' }, captured);
  await waitFor(async () =>
    (await view(uncaptured.body.id)).payments
      .flatMap(({ captures }) => captures)
      .some((one) => one.status === 'failed'),
  );
  await expectRecorded(
    'POST /captures/{id}/resolve',
    { event: 'capture_settled' },
    {
      ...captured,
      body: { outcome: 'waived', reason: 'written off' },
    },
  );
});

it('what staff do with orders: each change has who made it', async () => {
  const { body } = await test.place(order(await test.newSku(1), 1));
  const params = { id: body.id, tag: 'vip' };
  const note = await expectRecorded(
    'POST /admin/orders/{id}/notes',
    { log: 'order.noted' },
    { params, body: { text: 'called' } },
  );
  await expectRecorded(
    'DELETE /admin/orders/{id}/notes/{noteId}',
    { log: 'order.note_removed' },
    {
      params: { ...params, noteId: note.body.id },
    },
  );
  await expectRecorded('PUT /admin/orders/{id}/tags/{tag}', { log: 'order.tagged' }, { params });
  await expectRecorded('DELETE /admin/orders/{id}/tags/{tag}', { log: 'order.tagged' }, { params });
  await expectRecorded('POST /admin/orders/{id}/retry', { log: 'order.retried' }, { params });
  await expectRecorded(
    'PUT /admin/orders/{id}/status',
    { event: 'cancel_requested' },
    { params, body: { status: 'cancelled' } },
  );
  const failed = newId();
  const { pool } = test.stack.db;
  await pool.query(
    `insert into jobs (id, type, input, actor, status, finished_at, error_code) values ($1, 'consistency', '{}', 'test', 'failed', now(), 'FAILED')`,
    [failed],
  );
  await expectRecorded(
    'POST /admin/jobs/{id}/acknowledge',
    { log: 'job.acknowledged' },
    { params: { id: failed } },
  );
  await recordFailure(test.stack.db, {
    work: 're_source_reservation',
    subject: newId(),
    error: new Error('it failed'),
  });
  await expectRecorded('POST /admin/work/retry', { log: 'work.retried' }, { body: {} });
});

it('an operator who acts for a customer is recorded with the customer', async () => {
  const email = newEmail();
  await test.call('POST', '/users', { key: null, body: { email, password: PASSWORD, name: 'Op' } });
  const { rows } = await test.stack.db.pool.query<{ id: string }>(
    `update users set role = 'operator' where id = (select user_id from user_profiles where email = $1) returning id`,
    [email],
  );
  const operator = `user:${rows[0]!.id}`;
  const login = await test.call('POST', '/auth/login', { key: null, body: { email, password: PASSWORD } });
  const { accessToken } = login.body as unknown as { accessToken: string };
  const as = { key: null, headers: { authorization: `Bearer ${accessToken}` } };
  const body = { ...order(await test.newSku(1), 1), customerId: 'c-42' };
  const placed = await test.call('POST', '/orders', { ...as, body });
  expect(placed.status).toBe(201);
  expect((await test.call('POST', `/orders/${placed.body.id}/cancel`, as)).status).toBe(200);
  const both = { actor: operator, onBehalfOf: 'c-42' };
  const { body: history } = await test.call('GET', `/orders/${placed.body.id}/events`);
  expect(history.items).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ type: 'order_placed', ...both }),
      expect.objectContaining({ type: 'cancel_requested', ...both }),
    ]),
  );
  const log = await test.call(
    'GET',
    `/admin/audit?actor=${operator}&onBehalfOf=c-42&subject=order:${placed.body.id}`,
    as,
  );
  expect(log).toMatchObject({
    status: 200,
    body: {
      items: [
        { action: 'order.cancel_requested', ...both, address: null },
        { action: 'order.order_placed', ...both, after: { event: 1 } },
      ],
      nextCursor: null,
    },
  });
});

it('what somebody does with an order of their own is in its history alone', async () => {
  const { body } = await test.place(order(await test.newSku(1), 1));
  const { rows } = await test.stack.db.pool.query('select from audit_log where subject_id = $1', [body.id]);
  expect(rows).toEqual([]);
});

it('the log is searched by staff, page by page, and addresses are for admins', async () => {
  const read = (query: string, options?: CallOptions) => test.call('GET', `/admin/audit?${query}`, options);
  const requestId = `audit-${newId()}`;
  await test.call('POST', '/categories', {
    body: { code: `R${newId().slice(-6)}`, name: 'Searched' },
    headers: { 'x-request-id': requestId },
  });
  const found = await read(`requestId=${requestId}`);
  expect(found.body.items).toMatchObject([
    { action: 'category.added', actor: ADMIN_CALLER, address: '127.0.0.1', requestId },
  ]);
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

it('every route that changes something has its actor recorded', async () => {
  const document = JSON.parse((await test.call('GET', '//openapi.json')).text) as OpenApiDocument;
  const changing = Object.entries(document.paths ?? {}).flatMap(([path, methods]) => {
    const called = path.startsWith('/api/v1') ? path.slice('/api/v1'.length) : `/${path}`;
    return Object.keys(methods as object)
      .filter((method) => method !== 'get')
      .map((method) => `${method.toUpperCase()} ${called}`);
  });
  expect(
    changing.filter((route) => !recorded.has(route) && !(route in NOTHING) && !(route in ELSEWHERE)),
  ).toEqual([]);
  const excused = [...Object.keys(NOTHING), ...Object.keys(ELSEWHERE)];
  expect(excused.filter((route) => !changing.includes(route) || recorded.has(route))).toEqual([]);
  expect(Object.values(ELSEWHERE).filter((file) => !existsSync(join(__dirname, '../..', file)))).toEqual([]);
});
