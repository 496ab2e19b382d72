import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { retryUntilFinal } from '../support/retry-until-final';
import { expectAtRest } from '../support/invariants';
import { waitFor } from '../support/wait';
import { expectNothingDoubled, untilAtRest } from './assertions';
import { openBarriers } from './barrier';
import { openProduct, type Product } from './product';
import { AS_ADMIN } from '../support/access-keys';

let product: Product;
beforeAll(async () => {
  product = await openProduct();
}, 240_000);
afterAll(() => product.close());

function place(sku: string) {
  const headers = { 'idempotency-key': newId() };
  const body = {
    customerId: 'c-1',
    items: [{ sku, quantity: 1 }],
    payment: { method: 'card', token: 'tok_ok' },
  };
  return retryUntilFinal(() => product.call('POST', '/orders', { body, headers }));
}

async function idleInTransaction(): Promise<number> {
  const found = await product.db.pool.query(
    `select 1 from pg_stat_activity
     where datname = current_database() and state = 'idle in transaction' and application_name = 'holdfast'`,
  );
  return found.rowCount ?? 0;
}

test('a worker that is paused with stock locked does not keep it for long, and finds its order decided when it goes on', async () => {
  const barriers = openBarriers(product.databaseUrl);
  const paused = await product.startWorker();
  await addStock(product.db, 'LAMP', 'AMS', 3);
  // Its reserve has locked the stock when it comes to write the ledger.
  const ledger = await barriers.block('lock table inventory_transactions in share mode');
  const first = place('LAMP');
  await ledger.reached();
  paused.pause();
  await ledger.release();
  await waitFor(idleInTransaction, 60_000);
  const locked = product.db.pool.query('select 1 from stock for update nowait');
  await expect(locked).rejects.toMatchObject({ code: '55P03' });

  const other = await product.startWorker();
  const second = await place('LAMP');
  expect(second.status).toBe(201);
  expect((await first).status).toBe(201);

  paused.resume();
  await other.kill();
  const third = await place('LAMP');
  expect(third.status).toBe(201);
  await untilAtRest(product);
  expect((await product.call('GET', '/orders?status=fulfilled')).body.items).toHaveLength(3);
  await expectAtRest(product.db);
  await expectNothingDoubled(product);
}, 300_000);

test('a client that hangs up has its order all the same, and one who asks again with its key is told of it', async () => {
  const worker = await product.startWorker();
  const barriers = openBarriers(product.databaseUrl);
  await addStock(product.db, 'DESK', 'AMS', 1);
  const stock = await barriers.block(
    `select 1 from stock s join products p on p.id = s.product_id where p.sku = 'DESK' for update of s`,
  );
  const key = newId();
  const body = {
    customerId: 'c-1',
    items: [{ sku: 'DESK', quantity: 1 }],
    payment: { method: 'card', token: 'tok_ok' },
  };
  const hangUp = new AbortController();
  const heard = fetch(product.url, {
    method: 'POST',
    headers: { ...AS_ADMIN, 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify(body),
    signal: hangUp.signal,
  });
  await stock.reached();
  hangUp.abort();
  await expect(heard).rejects.toMatchObject({ name: 'AbortError' });
  await stock.release();

  await waitFor(async () => (await product.call('GET', '/orders?sku=DESK')).body.items.length === 1, 60_000);
  await untilAtRest(product);
  const headers = { 'idempotency-key': key };
  const reply = await retryUntilFinal(() => product.call('POST', '/orders', { body, headers }));
  expect(reply.status).toBe(201);
  expect((await product.call('GET', '/orders?sku=DESK')).body.items).toMatchObject([
    { id: reply.body.id, status: 'fulfilled', payments: [{ status: 'captured' }] },
  ]);
  await expectAtRest(product.db);
  await expectNothingDoubled(product);
  await worker.kill();
}, 300_000);
