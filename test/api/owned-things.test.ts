import { keepContact } from '../../domain/notifications/contacts';
import { newId } from '../../platform/ids';
import { addPaidOrder, addStock } from '../support/fixtures';
import { addressOf, keyOf, openAccessApi, OWNED, type AccessApi, type Operation } from './access-table';
import { asPerson, type Person } from './people-api';
import type { TestApi } from './support';

let test: TestApi;
let operations: Operation[];
let keys: AccessApi['keys'];
let ada: Person;
let bob: Person;

beforeAll(async () => {
  ({ test, operations, keys, ada, bob } = await openAccessApi());
});
afterAll(() => test.close());

/** As a customer. */
const as = (who: Person, method: string, path: string, body?: unknown) =>
  asPerson(test, who, method, path, { body });

describe('what somebody else made', () => {
  let mine: string;
  let others: string;
  const own: Record<string, string> = {};

  beforeAll(async () => {
    const scopes = [
      'orders',
      'reservations',
      'returns:refund',
      'inventory:write',
      'catalogue:write',
    ] as const;
    mine = await keyOf(test, 'mine', scopes);
    others = await keyOf(test, 'others', scopes);
    const { id } = (await test.db.pool.query<{ id: string }>(`select id from services where name = 'mine'`))
      .rows[0]!;
    const order = await addPaidOrder(test.db, [{ sku: 'OWNED', warehouse: 'AMS', quantity: 1 }]);
    await test.db.pool.query('update orders set owner = $2 where id = $1', [order.orderId, `service:${id}`]);
    own.order = order.orderId;
    await keepContact(test.db, order.orderId, { email: 'ada@example.com', locale: 'en' });
    own.return = newId();
    await test.db.pool.query(
      `insert into customer_returns (id, order_id, status, refund, expires_at, actor)
       values ($1, $2, 'authorised', 'none', now() + interval '1 day', 'an operator')`,
      [own.return, own.order],
    );
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

  it('is seen with the scope orders:all where it is an order or the hold of one, and nothing else of it', async () => {
    const everything = [
      'orders:all',
      'reservations',
      'returns:refund',
      'inventory:write',
      'catalogue:write',
    ] as const;
    const all = await keyOf(test, 'with all orders', everything);
    const { rows } = await test.db.pool.query<{ id: string }>(
      'select id from reservations where order_id = $1',
      [own.order],
    );
    const seen = (path: string) => test.call('GET', path, { key: all });
    expect((await seen(`/orders/${own.order}/status`)).status).toBe(200);
    expect((await seen(`/reservations/${rows[0]?.id}`)).status).toBe(200);
    for (const path of [`/reservations/${own.reservation}`, `/jobs/${own.job}`])
      expect((await seen(path)).status).toBe(404);
    for (const path of ['/reservations', '/jobs']) expect((await seen(path)).body.items).toEqual([]);
    for (const step of ['confirm', 'release', 'ship', 'extend'])
      expect(
        (await test.call('POST', `/reservations/${own.reservation}/${step}`, { key: all, body: {} })).status,
      ).toBe(404);
    expect((await test.call('POST', `/jobs/${own.job}/cancel`, { key: all })).status).toBe(404);
  });

  it('is not given back either: a return is of an order that its caller sees', async () => {
    const wanted = { orderId: own.order, items: [{ sku: 'OWNED', quantity: 1, reason: 'too small' }] };
    const authorise = (key: string) => test.call('POST', '/returns', { key, body: wanted });
    expect(await authorise(others)).toMatchObject({ status: 422, body: { code: 'UNKNOWN_ORDER' } });
    // Nothing of it was shipped.
    expect(await authorise(mine)).toMatchObject({ status: 409, body: { code: 'NOT_RETURNABLE' } });
    const stock = await keyOf(test, 'a warehouse', ['inventory:write', 'inventory:read']);
    expect(await authorise(stock)).toMatchObject({ status: 403, body: { code: 'NOT_ALLOWED' } });
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
