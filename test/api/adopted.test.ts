import { createKey } from '../../domain/identity/keys';
import { adoptAnonymous } from '../../domain/identity/services';
import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { openStackApi, type StackApi } from './stack-api';
import { order } from './support';

/** What was made before there was sign-in, and the service that has it. */
let test: StackApi;
let adopter: string;
let other: string;
let third: string;

const SCOPES = ['orders', 'reservations', 'inventory:write'] as const;

beforeAll(async () => {
  test = await openStackApi();
  const wanted = {
    role: 'service',
    scopes: SCOPES,
    kind: 'live',
    label: null,
    expiresInSeconds: null,
  } as const;
  const make = async (service: string) =>
    (await createKey(test.stack.db, { ...wanted, service, actor: 'a test' })).key;
  [adopter, other, third] = [await make('shop'), await make('another'), await make('a third')];
  await addStock(test.stack.db, 'LAMP', 'AMS', 100);
});
afterAll(() => test.stack.stop());

/** As the version before wrote it: nobody was signed in, and nothing had an owner. */
async function asBefore(): Promise<void> {
  const { pool } = test.stack.db;
  await pool.query(`update orders set owner = default where owner like 'service:%'`);
  await pool.query(`update reservations set owner = default where owner like 'service:%'`);
}

const ask = (key: string, method: string, path: string, body?: unknown, idempotencyKey?: string) =>
  test.call(method, path, {
    key,
    body,
    headers: idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey },
  });

it('is found by its idempotency key and its name by the service that has it, and by no other', async () => {
  const [orderKey, holdKey] = [newId(), newId()];
  const wanted = order('LAMP', 1, { payment: { method: 'card', token: 'tok_ok' } });
  const hold = { quantity: 2, reference: 'cart-7' };
  const placed = await ask(other, 'POST', '/orders', wanted, orderKey);
  const held = await ask(other, 'POST', '/inventory/LAMP/reserve', hold, holdKey);
  expect([placed.status, held.status]).toEqual([201, 201]);
  await asBefore();
  await test.stack.db.pool.query(`update idempotency_keys set caller = 'anonymous'`);

  expect((await ask(adopter, 'GET', `/orders/${placed.body.id}`)).status).toBe(404);
  await adoptAnonymous(test.stack.db, { name: 'shop', actor: 'test' });
  for (const path of [`/orders/${placed.body.id}`, `/reservations/${held.body.id}`]) {
    expect((await ask(adopter, 'GET', path)).status).toBe(200);
    expect((await ask(other, 'GET', path)).status).toBe(404);
  }
  const again = await ask(adopter, 'POST', '/orders', wanted, orderKey);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(again.body.id).toBe(placed.body.id);
  expect((await ask(adopter, 'POST', '/inventory/LAMP/reserve', hold, holdKey)).body.id).toBe(held.body.id);
  expect((await ask(adopter, 'POST', '/orders', order('LAMP', 9), orderKey)).body.code).toBe(
    'IDEMPOTENCY_KEY_REUSED',
  );
  const listed = await ask(adopter, 'GET', '/orders');
  expect(listed.body.items.map(({ id }) => id)).toContain(placed.body.id);
  expect((await ask(other, 'GET', '/orders')).body.items).toEqual([]);

  // Another caller's use of the same key is another request.
  const theirs = await ask(third, 'POST', '/orders', order('LAMP', 9), orderKey);
  expect(theirs.status).toBe(201);
  expect(theirs.body.id).not.toBe(placed.body.id);
});

it('what it makes from then on is its own, with who made it in the history', async () => {
  const { id } = (
    await test.stack.db.pool.query<{ id: string }>(`select id from services where name = 'shop'`)
  ).rows[0]!;
  const caller = `service:${id}`;
  const placed = await ask(adopter, 'POST', '/orders', order('LAMP', 1), newId());
  await ask(adopter, 'POST', `/orders/${placed.body.id}/cancel`, { reason: 'a change of mind' });
  const { body } = await ask(adopter, 'GET', `/orders/${placed.body.id}/events`);
  const told = (body.items as unknown as { type: string; actor?: string }[]).filter(
    ({ actor }) => actor !== undefined,
  );
  expect(told).toMatchObject([
    { type: 'order_placed', actor: caller },
    { type: 'cancel_requested', actor: caller },
  ]);
  const rows = await test.stack.db.pool.query<{ owner: string }>('select owner from orders where id = $1', [
    placed.body.id,
  ]);
  expect(rows.rows).toEqual([{ owner: caller }]);
  const entries = await test.stack.db.pool.query<{ actor: string }>(
    `select actor from inventory_transactions where order_id = $1 and kind = 'reserve'`,
    [placed.body.id],
  );
  expect(entries.rows).toEqual([{ actor: caller }]);
});
