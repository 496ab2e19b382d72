import { randomBytes } from 'node:crypto';
import type { OpenApiDocument } from '../../api/http/openapi';
import { createKey } from '../../domain/identity/keys';
import { SCOPES, type Scope, type ServiceRole } from '../../domain/identity/types';
import { newId } from '../../platform/ids';
import { newEmail, PASSWORD } from '../identity/people';
import { addPaidOrder, addStock } from '../support/fixtures';
import { openTestApi, withoutItsBody, type ReplyBody, type TestApi } from './support';

/** Who calls: services by the scopes of their keys, people by keys with their roles. */
const CALLERS = ['nobody', 'publishable', ...SCOPES, 'customer', 'operator', 'admin'] as const;
type Caller = (typeof CALLERS)[number];

const STAFF: readonly Caller[] = ['operator', 'admin'];
const ORDERS: readonly Caller[] = ['orders', 'orders:all', 'customer', ...STAFF];
const HOLDS: readonly Caller[] = ['reservations', ...STAFF];
const READ_STOCK: readonly Caller[] = ['inventory:read', ...STAFF];
const CHANGE_STOCK: readonly Caller[] = ['inventory:write', ...STAFF];
const CHANGE_CATALOGUE: readonly Caller[] = ['catalogue:write', ...STAFF];
const AVAILABLE: readonly Caller[] = [
  'publishable',
  'availability:read',
  'inventory:read',
  'customer',
  ...STAFF,
];
const READ_CATALOGUE: readonly Caller[] = ['catalogue:write', 'inventory:read', 'customer', ...STAFF];
const JOBS: readonly Caller[] = ['inventory:write', 'catalogue:write', ...STAFF];
const EVERYBODY: readonly Caller[] = CALLERS;

/** Who may call what: every operation of the API, by its path under `/api/v1` unless it begins with two slashes. */
const MAY: Readonly<Record<string, readonly Caller[]>> = {
  'POST /orders': ORDERS,
  'GET /orders': ORDERS,
  'GET /orders/{id}': ORDERS,
  'PATCH /orders/{id}': ORDERS,
  'GET /orders/{id}/status': ORDERS,
  'GET /orders/{id}/events': ORDERS,
  'GET /orders/{id}/sourcing': ORDERS,
  'POST /orders/{id}/payments': ORDERS,
  'POST /orders/{id}/cancel': ORDERS,
  'PUT /orders/{id}/cancel': ORDERS,
  'POST /orders/{id}/refunds': STAFF,
  'POST /orders/{id}/review': STAFF,
  'POST /payments/{id}/resolve': STAFF,
  'POST /refunds/{id}/resolve': STAFF,
  'POST /refunds/{id}/retry': STAFF,
  'POST /captures/{id}/resolve': STAFF,
  'POST /captures/{id}/retry': STAFF,
  'GET /products': EVERYBODY,
  'GET /products/{sku}': EVERYBODY,
  'POST /products': CHANGE_CATALOGUE,
  'PUT /products/{sku}': CHANGE_CATALOGUE,
  'POST /products/{sku}/archive': CHANGE_CATALOGUE,
  'POST /products/{sku}/restore': CHANGE_CATALOGUE,
  'GET /products/{sku}/tracking': READ_STOCK,
  'PUT /products/{sku}/tracking': CHANGE_STOCK,
  'GET /warehouses': READ_CATALOGUE,
  'GET /warehouses/{code}': READ_CATALOGUE,
  'POST /warehouses': CHANGE_CATALOGUE,
  'PUT /warehouses/{code}': CHANGE_CATALOGUE,
  'POST /warehouses/{code}/close': CHANGE_CATALOGUE,
  'POST /warehouses/{code}/open': CHANGE_CATALOGUE,
  'POST /warehouses/{code}/re-source': CHANGE_CATALOGUE,
  'GET /categories': READ_CATALOGUE,
  'GET /categories/{code}': READ_CATALOGUE,
  'POST /categories': CHANGE_CATALOGUE,
  'PUT /categories/{code}': CHANGE_CATALOGUE,
  'POST /categories/{code}/archive': CHANGE_CATALOGUE,
  'PUT /categories/{code}/thresholds': CHANGE_STOCK,
  'GET /inventory/{sku}': AVAILABLE,
  'GET /inventory/{sku}/location/{code}': AVAILABLE,
  'GET /inventory/{sku}/transactions': READ_STOCK,
  'GET /inventory/{sku}/thresholds': READ_STOCK,
  'PUT /inventory/{sku}/thresholds': CHANGE_STOCK,
  'GET /inventory/{sku}/safety-stock': READ_STOCK,
  'PUT /inventory/{sku}/safety-stock': CHANGE_STOCK,
  'POST /inventory/{sku}/adjust': CHANGE_STOCK,
  'POST /inventory/{sku}/reserve': HOLDS,
  'POST /inventory/{sku}/release': HOLDS,
  'POST /inventory/{sku}/quality-hold': CHANGE_STOCK,
  'GET /inventory/{sku}/lots': READ_STOCK,
  'GET /inventory/{sku}/lots/{lot}': READ_STOCK,
  'PUT /inventory/{sku}/lots/{lot}': CHANGE_STOCK,
  'POST /inventory/{sku}/lots/{lot}/recall': CHANGE_STOCK,
  'POST /inventory/{sku}/lots/{lot}/end-recall': CHANGE_STOCK,
  'GET /inventory/{sku}/lots/{lot}/movements': READ_STOCK,
  'GET /inventory/{sku}/serials': READ_STOCK,
  'GET /inventory/{sku}/valuation': READ_STOCK,
  'GET /inventory/valuation': READ_STOCK,
  'GET /inventory/valuation/products': READ_STOCK,
  'GET /inventory/metrics': READ_STOCK,
  'GET /inventory/health': READ_STOCK,
  'POST /inventory/batch': CHANGE_STOCK,
  'POST /inventory/transfer': CHANGE_STOCK,
  'GET /inventory/alerts': STAFF,
  'POST /inventory/alerts/{id}/acknowledge': STAFF,
  'POST /inventory/alerts/{id}/resolve': STAFF,
  'GET /inventory/alerts/{id}/affected': STAFF,
  'GET /transfers': READ_STOCK,
  'GET /transfers/{id}': READ_STOCK,
  'POST /transfers/{id}/receive': CHANGE_STOCK,
  'POST /transfers/{id}/cancel': CHANGE_STOCK,
  'POST /reservations': HOLDS,
  'GET /reservations': HOLDS,
  'GET /reservations/{id}': ['reservations', 'orders', 'orders:all', ...STAFF],
  'PATCH /reservations/{id}': HOLDS,
  'POST /reservations/{id}/confirm': HOLDS,
  'POST /reservations/{id}/release': HOLDS,
  'POST /reservations/{id}/ship': HOLDS,
  'POST /reservations/{id}/extend': HOLDS,
  'POST /receipts': CHANGE_STOCK,
  'GET /receipts': READ_STOCK,
  'GET /receipts/{id}': READ_STOCK,
  'POST /receipts/{id}/reverse': CHANGE_STOCK,
  'POST /receipts/{id}/correct': CHANGE_STOCK,
  'POST /counts': CHANGE_STOCK,
  'GET /counts': READ_STOCK,
  'GET /counts/{id}': READ_STOCK,
  'PUT /counts/{id}/lines': CHANGE_STOCK,
  'POST /counts/{id}/submit': CHANGE_STOCK,
  'POST /counts/{id}/approve': CHANGE_STOCK,
  'POST /counts/{id}/recount': CHANGE_STOCK,
  'POST /counts/{id}/reject': CHANGE_STOCK,
  'GET /quality-holds': READ_STOCK,
  'GET /quality-holds/{id}': READ_STOCK,
  'POST /quality-holds/{id}/release': CHANGE_STOCK,
  'POST /quality-holds/{id}/write-off': CHANGE_STOCK,
  'POST /returns': CHANGE_STOCK,
  'GET /returns': READ_STOCK,
  'GET /returns/{id}': READ_STOCK,
  'POST /returns/{id}/receive': CHANGE_STOCK,
  'POST /returns/{id}/inspect': CHANGE_STOCK,
  'POST /returns/{id}/cancel': CHANGE_STOCK,
  'GET /shipments/{id}/units': READ_STOCK,
  'PUT /shipments/{id}/units': CHANGE_STOCK,
  'GET /shipments/{id}/cost': READ_STOCK,
  'GET /serials/{serial}': READ_STOCK,
  'GET /cost-of-goods-sold': READ_STOCK,
  'GET /cost-of-goods-sold/shipments': READ_STOCK,
  'POST /jobs/feed': CHANGE_STOCK,
  'POST /jobs/products': CHANGE_CATALOGUE,
  'POST /jobs/consistency': STAFF,
  'GET /jobs/consistency/checks': STAFF,
  'GET /jobs/{id}/findings': STAFF,
  'GET /jobs': JOBS,
  'GET /jobs/{id}': JOBS,
  'GET /jobs/{id}/events': JOBS,
  'POST /jobs/{id}/cancel': JOBS,
  'GET /downloads/{jobId}.csv': JOBS,
  'GET /downloads/{jobId}.sql': JOBS,
  'POST /api-keys': ['admin'],
  'GET /api-keys': ['admin'],
  'POST /api-keys/{id}/rotate': ['admin'],
  'DELETE /api-keys/{id}': ['admin'],
  'GET /admin/audit': STAFF,
  'POST /users': EVERYBODY,
  'GET /users/{id}': ['customer', ...STAFF],
  'PUT /users/{id}': ['customer', ...STAFF],
  'DELETE /users/{id}': ['customer', ...STAFF],
  'POST //codec/decode': ['admin'],
  'POST //codec/encode': ['admin'],
  'POST /auth/login': EVERYBODY,
  'POST /auth/refresh': EVERYBODY,
  'POST /auth/logout': EVERYBODY,
  'POST /auth/logout-all': ['customer', ...STAFF],
  'POST /auth/password-reset': EVERYBODY,
  'POST /auth/password-reset/confirm': EVERYBODY,
  'POST /auth/confirm-email': EVERYBODY,
  'GET //.well-known/jwks.json': EVERYBODY,
  // Signed by the third party, whoever else calls.
  'POST /carriers/{name}/events': [],
  'POST /gateways/{name}/events': [],
  'GET //sandbox/3ds/{ref}': EVERYBODY,
  'POST //sandbox/3ds/{ref}/{answer}': EVERYBODY,
  'GET //health': EVERYBODY,
  'GET //ready': EVERYBODY,
  'GET //metrics': EVERYBODY,
  'GET //openapi.json': EVERYBODY,
};

/** Where what a route is about belongs to somebody. */
const OWNED: Readonly<Record<string, 'order' | 'reservation' | 'job' | 'user'>> = {
  'GET /users/{id}': 'user',
  'PUT /users/{id}': 'user',
  'DELETE /users/{id}': 'user',
  'GET /orders/{id}': 'order',
  'PATCH /orders/{id}': 'order',
  'GET /orders/{id}/status': 'order',
  'GET /orders/{id}/events': 'order',
  'GET /orders/{id}/sourcing': 'order',
  'POST /orders/{id}/payments': 'order',
  'POST /orders/{id}/cancel': 'order',
  'PUT /orders/{id}/cancel': 'order',
  'GET /reservations/{id}': 'reservation',
  'PATCH /reservations/{id}': 'reservation',
  'POST /reservations/{id}/confirm': 'reservation',
  'POST /reservations/{id}/release': 'reservation',
  'POST /reservations/{id}/ship': 'reservation',
  'POST /reservations/{id}/extend': 'reservation',
  'GET /jobs/{id}': 'job',
  'GET /jobs/{id}/events': 'job',
  'POST /jobs/{id}/cancel': 'job',
  'GET /downloads/{jobId}.csv': 'job',
  'GET /downloads/{jobId}.sql': 'job',
};

interface Operation {
  name: string;
  method: string;
  path: string;
  keyed: boolean;
  access: { rule: string; owned?: string };
}

let test: TestApi;
let operations: Operation[];
const keys = new Map<Caller, string | null>();
/** Two people, with their access tokens. */
let ada: Person;
let bob: Person;

interface Person {
  id: string;
  token: string;
}

async function addPerson(): Promise<Person> {
  const who = { email: newEmail(), password: PASSWORD };
  await test.call('POST', '/users', { key: null, body: { ...who, name: 'Ada' } });
  const { body } = await test.call('POST', '/auth/login', { key: null, body: who });
  const session = body as unknown as { accessToken: string; user: { id: string } };
  return { id: session.user.id, token: session.accessToken };
}

/** As a customer. */
const as = ({ token }: Person, method: string, path: string, body?: unknown) =>
  test.call(method, path, { key: null, body, headers: { authorization: `Bearer ${token}` } });

async function keyOf(
  service: string,
  scopes: readonly Scope[],
  role: ServiceRole = 'service',
): Promise<string> {
  const wanted = { service, role, scopes, kind: 'live', label: null, expiresInSeconds: null } as const;
  return (await createKey(test.db, { ...wanted, actor: 'a test' })).key;
}

beforeAll(async () => {
  test = await openTestApi({ env: { SIGNING_KEYS_SECRET: randomBytes(32).toString('base64') } });
  [ada, bob] = [await addPerson(), await addPerson()];
  const document = JSON.parse((await test.call('GET', '//openapi.json')).text) as OpenApiDocument;
  operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(
      methods as Record<string, { 'x-access': Operation['access']; parameters?: { name: string }[] }>,
    ).map(([method, { 'x-access': access, parameters = [] }]) => {
      const called = path.startsWith('/api/v1') ? path.slice('/api/v1'.length) : `/${path}`;
      const keyed = parameters.some(({ name }) => name === 'Idempotency-Key');
      return {
        name: `${method.toUpperCase()} ${called}`,
        method: method.toUpperCase(),
        path: called,
        keyed,
        access,
      };
    }),
  );
  keys.set('nobody', null);
  for (const scope of SCOPES) keys.set(scope, await keyOf(`with ${scope}`, [scope]));
  for (const role of ['operator', 'admin'] as const) keys.set(role, await keyOf(`an ${role}`, [], role));
  const shop = {
    service: 'a shop',
    role: 'service',
    scopes: [],
    label: null,
    expiresInSeconds: null,
  } as const;
  keys.set('publishable', (await createKey(test.db, { ...shop, kind: 'publishable', actor: 'a test' })).key);
});
afterAll(() => test.close());

/** What `/inventory/{sku}` has is under `/products/{sku}/inventory` as well. */
function ruleOf({ name }: Operation): readonly Caller[] | undefined {
  return MAY[name] ?? MAY[name.replace('/products/{sku}/inventory', '/inventory/{sku}')];
}

/** An address with nothing behind it. */
function addressOf({ path }: Pick<Operation, 'path'>, id: string = newId()): string {
  return path
    .replace(/\{(id|jobId)\}/, id)
    .replace('{answer}', 'authenticate')
    .replace(/\{\w+\}/g, 'NONE');
}

it('every operation has an entry, and every entry an operation', () => {
  expect(operations.filter((each) => !ruleOf(each)).map(({ name }) => name)).toEqual([]);
  const names = new Set(operations.map(({ name }) => name));
  expect(Object.keys(MAY).filter((name) => !names.has(name))).toEqual([]);
  const owned = operations.filter(({ access }) => access.owned !== undefined);
  expect(Object.fromEntries(owned.map(({ name, access }) => [name, access.owned]))).toEqual(OWNED);
});

it('lets nobody do what is not theirs to do, and everybody what is', async () => {
  const wrong: string[] = [];
  const attempt = async (operation: Operation, caller: Caller) => {
    const signedIn =
      caller === 'customer'
        ? { key: null, headers: { authorization: `Bearer ${ada.token}` } }
        : { key: keys.get(caller) ?? null };
    // A body that breaks every rule: whoever may call it changes nothing.
    const options = operation.method === 'GET' ? signedIn : { ...signedIn, body: { unknownMember: true } };
    const { status, body } = await test.call(operation.method, addressOf(operation), options);
    // Pages and metrics are no JSON.
    const code = String((body as ReplyBody | undefined)?.code);
    const told = `${operation.name} as ${caller}: ${status} ${code}`;
    if (operation.access.rule === 'signature') {
      if (![404, 503].includes(status)) wrong.push(told);
      return;
    }
    const isLetIn = ruleOf(operation)?.includes(caller);
    const expected = isLetIn ? 'let in' : caller === 'nobody' ? '401 NOT_SIGNED_IN' : '403 NOT_ALLOWED';
    const seen = status === 401 || status === 403 ? `${status} ${code}` : 'let in';
    if (seen !== expected) wrong.push(`${told}, not ${expected}`);
  };
  for (const operation of operations) await Promise.all(CALLERS.map((caller) => attempt(operation, caller)));
  expect(wrong).toEqual([]);
}, 300_000);

it('says how to sign in, without waiting for the body', async () => {
  const { headers } = await test.call('GET', '/orders', { key: null });
  expect(headers.get('www-authenticate')).toContain('Bearer');
  expect(await withoutItsBody(test, '/orders', {})).toMatchObject({
    status: 401,
    body: { code: 'NOT_SIGNED_IN' },
  });
  const publishable = { 'x-api-key': keys.get('publishable') ?? '' };
  expect(await withoutItsBody(test, '/orders', publishable)).toMatchObject({
    status: 403,
    body: { code: 'NOT_ALLOWED' },
  });
});

describe('a key that is not good', () => {
  it.each([
    ['no key at all', 'secret'],
    ['an empty one', ''],
    ['an id that there is not', `hf_live_${newId().replaceAll('-', '')}_${'x'.repeat(43)}`],
    ['one with a NUL', 'hf_live_%00'],
    ['a long one', `hf_live_${'0'.repeat(4_000)}`],
  ])('is refused everywhere where credentials matter: %s', async (_what, key) => {
    for (const path of ['/orders', '/products'])
      expect(await test.call('GET', path, { key })).toMatchObject({
        status: 401,
        body: { code: 'NOT_SIGNED_IN' },
      });
    expect((await test.call('GET', '//metrics', { key })).status).toBe(200);
  });

  it('is one with another secret, or of the other kind', async () => {
    const good = keys.get('admin') ?? '';
    const other = `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`;
    for (const key of [other, good.replace('hf_live', 'hf_pub')])
      expect((await test.call('GET', '/orders', { key })).status).toBe(401);
    expect((await test.call('GET', '/orders', { key: good })).status).toBe(200);
  });
});

it('a publishable key reads what can be ordered now, and nothing else of stock', async () => {
  await addStock(test.db, 'SHOWN', 'AMS', 3);
  const key = keys.get('publishable');
  for (const path of ['/inventory/SHOWN', '/products/SHOWN/inventory', '/inventory/SHOWN/location/AMS'])
    expect(await test.call('GET', path, { key })).toMatchObject({ status: 200, body: { available: 3 } });
  for (const query of ['states=true', `asOf=${new Date().toISOString()}`])
    expect((await test.call('GET', `/inventory/SHOWN?${query}`, { key })).status).toBe(403);
});

describe('what somebody else made', () => {
  let mine: string;
  let others: string;
  const own: Record<string, string> = {};

  beforeAll(async () => {
    mine = await keyOf('mine', ['orders', 'reservations', 'inventory:write', 'catalogue:write']);
    others = await keyOf('others', ['orders', 'reservations', 'inventory:write', 'catalogue:write']);
    const { id } = (await test.db.pool.query<{ id: string }>(`select id from services where name = 'mine'`))
      .rows[0]!;
    const order = await addPaidOrder(test.db, [{ sku: 'OWNED', warehouse: 'AMS', quantity: 1 }]);
    await test.db.pool.query('update orders set owner = $2 where id = $1', [order.orderId, `service:${id}`]);
    own.order = order.orderId;
    await addStock(test.db, 'HELD', 'AMS', 5);
    const held = await test.call('POST', '/inventory/HELD/reserve', {
      key: mine,
      body: { quantity: 1, reference: 'cart-1' },
    });
    own.reservation = held.body.id;
    const upload = await fetch(`${test.api.url}/api/v1/jobs/feed`, {
      method: 'POST',
      headers: { 'x-api-key': mine, 'content-type': 'text/csv' },
      body: 'sku,location,quantity\nHELD,AMS,5\n',
    });
    own.job = ((await upload.json()) as { jobId: string }).jobId;
  });

  it('does not exist: one by one, whatever is asked of it', async () => {
    const wrong: string[] = [];
    for (const operation of operations) {
      const owned = OWNED[operation.name];
      // Of people see people.test.ts.
      if (owned === undefined || owned === 'user') continue;
      const ask = async (key: string | undefined, id: string | undefined) => {
        const options = operation.method === 'GET' ? { key } : { key, body: { unknownMember: true } };
        const headers: Record<string, string> = operation.path.endsWith('/events')
          ? { 'last-event-id': '9' }
          : {};
        return (await test.call(operation.method, addressOf(operation, id), { ...options, headers })).status;
      };
      const [theirs, never] = [await ask(others, own[owned]), await ask(others, newId())];
      if (theirs !== 404 || never !== 404) wrong.push(`${operation.name}: ${theirs} ${never}`);
      // A job that runs has no file yet.
      if (operation.path.startsWith('/downloads') || operation.path === '/jobs/{id}/events') continue;
      const [ours, staff] = [await ask(mine, own[owned]), await ask(keys.get('operator') ?? '', own[owned])];
      if (ours === 404 || ours !== staff) wrong.push(`${operation.name} of its own: ${ours} ${staff}`);
    }
    expect(wrong).toEqual([]);
  });

  it('is in no list, and in those of operators and of who made it', async () => {
    const lists = { order: '/orders', reservation: '/reservations', job: '/jobs' } as const;
    for (const [owned, path] of Object.entries(lists)) {
      const listed = async (key: string | null | undefined) =>
        ((await test.call('GET', path, { key })).body.items as { id?: string; jobId?: string }[]).map(
          (item) => item.id ?? item.jobId,
        );
      expect(await listed(others)).not.toContain(own[owned]);
      expect(await listed(mine)).toEqual([own[owned]]);
      expect(await listed(keys.get('operator'))).toContain(own[owned]);
    }
    expect((await test.call('GET', '/reservations?reference=cart-1', { key: others })).body.items).toEqual(
      [],
    );
    expect((await test.call('GET', '/reservations?reference=cart-1', { key: mine })).body.items).toHaveLength(
      1,
    );
  });

  it('is not released by way of its SKU either', async () => {
    const release = (key: string) =>
      test.call('POST', '/inventory/HELD/release', { key, body: { reservationId: own.reservation } });
    expect(await release(others)).toMatchObject({ status: 404 });
    expect(await release(mine)).toMatchObject({ status: 200, body: { status: 'cancelled' } });
  });

  it('keeps its idempotency keys and names: the same ones of another caller are others', async () => {
    const reserve = (key: string) =>
      test.call('POST', '/inventory/HELD/reserve', {
        key,
        body: { quantity: 1, reference: 'cart-2' },
        headers: { 'idempotency-key': 'k-1' },
      });
    const [first, second] = [await reserve(mine), await reserve(others)];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body.id).not.toBe(first.body.id);
    expect((await reserve(mine)).body.id).toBe(first.body.id);
  });

  it('is seen with the scope orders:all', async () => {
    const all = keys.get('orders:all');
    expect((await test.call('GET', `/orders/${own.order}/status`, { key: all })).status).toBe(200);
    expect((await test.call('GET', `/reservations/${own.reservation}`, { key: all })).status).toBe(200);
  });
});

describe('a customer', () => {
  let mine: string;

  beforeAll(async () => {
    mine = (await addPaidOrder(test.db, [{ sku: 'BOUGHT', warehouse: 'AMS', quantity: 1 }])).orderId;
    // Placed by a shop for its customer.
    await test.db.pool.query(`update orders set customer_id = $2, owner = 'service:shop' where id = $1`, [
      mine,
      ada.id,
    ]);
  });

  it('sees the orders whose customer they are, and what belongs to them, and nobody else does', async () => {
    for (const path of ['', '/status', '/events', '/sourcing']) {
      expect((await as(ada, 'GET', `/orders/${mine}${path}`)).status).toBe(200);
      expect((await as(ada, 'GET', `/orders/${mine.toUpperCase()}${path}`)).status).toBe(200);
      expect((await as(bob, 'GET', `/orders/${mine}${path}`)).status).toBe(404);
    }
    expect((await as(ada, 'GET', '/orders')).body.items.map(({ id }) => id)).toEqual([mine]);
    for (const query of ['', `?customerId=${ada.id}`])
      expect((await as(bob, 'GET', `/orders${query}`)).body.items).toEqual([]);
  });

  it('changes no order of somebody else, and is told that there is none', async () => {
    const requests: [string, string, unknown][] = [
      ['POST', 'payments', { method: 'card', token: 'tok_ok' }],
      ['POST', 'cancel', {}],
      ['PUT', 'cancel', {}],
    ];
    for (const [method, what, body] of requests)
      expect(await as(bob, method, `/orders/${mine}/${what}`, body)).toMatchObject({
        status: 404,
        body: { detail: 'There is no such order.' },
      });
  });

  it('cannot order for another customer', async () => {
    const wanted = { items: [{ sku: 'BOUGHT', quantity: 1 }], customerId: bob.id };
    expect(await as(ada, 'POST', '/orders', wanted)).toMatchObject({
      status: 403,
      body: { code: 'NOT_ALLOWED' },
    });
    // Temporal is away here: their own goes on to where it is needed.
    const own = { items: [{ sku: 'NOT-SOLD', quantity: 1 }] };
    expect(await as(ada, 'POST', '/orders', own)).toMatchObject({
      status: 422,
      body: { code: 'UNKNOWN_SKU' },
    });
    expect(await test.call('POST', '/orders', { body: own })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'customerId' }] },
    });
  });
});
