import { orderPaymentId } from '../../domain/orders/ids';
import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { retryUntilFinal } from '../support/retry-until-final';
import { expectAtRest } from '../support/invariants';
import { waitFor } from '../support/wait';
import { expectNothingDoubled, untilAtRest } from './assertions';
import { openBarriers, type Barriers } from './barrier';
import { authenticate } from './money-steps';
import { openProduct, type Product } from './product';

type ApiPart = Awaited<ReturnType<Product['startApi']>>;

let product: Product;
let barriers: Barriers;
let api: ApiPart;

beforeAll(async () => {
  product = await openProduct();
  barriers = openBarriers(product.databaseUrl);
  api = await product.startApi({ through: product.line });
}, 240_000);
afterAll(async () => {
  await barriers.releaseAll();
  await product.close();
});

/** A client's order of the last two units there are, paid with it. */
interface Attempt {
  sku: string;
  key: string;
  /** To whichever API runs. */
  send(): ReturnType<Product['call']>;
}

async function newAttempt(): Promise<Attempt> {
  const [sku, key] = [`SKU-${newId()}`, newId()];
  await addStock(product.db, sku, 'AMS', 2);
  const body = {
    customerId: 'c-1',
    items: [{ sku, quantity: 2 }],
    payment: { method: 'card', token: 'tok_ok' },
  };
  return {
    sku,
    key,
    send: () => api.call('POST', '/orders', { body, headers: { 'idempotency-key': key } }),
  };
}

const stateIs = (state: string, { key }: Attempt) =>
  waitFor(async () => {
    const found = await product.db.pool.query(
      'select 1 from idempotency_keys where key = $1 and state = $2',
      [key, state],
    );
    return found.rowCount;
  }, 60_000);

const keyRow = ({ key }: Pick<Attempt, 'key'>) =>
  barriers.block('select 1 from idempotency_keys where key = $1 for update', [key]);

/** Holds up the look at the stock, which comes after the key and before the engine. */
const catalogue = () => barriers.block('lock table products in access exclusive mode');

const MOMENTS: Record<string, (attempt: Attempt) => Promise<void>> = {
  // The first, since no worker runs yet.
  'the engine has its order and nobody works on it': async (attempt) => {
    void attempt.send().catch(() => undefined);
    await waitFor(async () => {
      const found = await product.db.pool.query<{ subject_id: string }>(
        'select subject_id from idempotency_keys where key = $1',
        [attempt.key],
      );
      const saga = product.client.workflow.getHandle(
        product.names.orderWorkflowId(found.rows[0]?.subject_id ?? ''),
      );
      return (await saga.describe()).status.name === 'RUNNING';
    }, 60_000);
    await api.kill();
    await product.startWorker();
  },
  'its key is accepted': async (attempt) => {
    const barrier = await catalogue();
    void attempt.send().catch(() => undefined);
    await stateIs('accepted', attempt);
    await barrier.reached();
    await api.kill();
  },
  'its key says started and the engine has not heard of it': async (attempt) => {
    const stock = await catalogue();
    void attempt.send().catch(() => undefined);
    const key = await keyRow(attempt);
    await stock.release();
    await key.reached();
    product.line.cut();
    await key.release();
    await stateIs('started', attempt);
    await api.kill();
    product.line.mend();
  },
  'its stock is held and its client has not been told': async (attempt) => {
    const stock = await barriers.block(
      'select 1 from stock s join products p on p.id = s.product_id where p.sku = $1 for update of s',
      [attempt.sku],
    );
    void attempt.send().catch(() => undefined);
    await stateIs('started', attempt);
    await stock.reached();
    const key = await keyRow(attempt);
    await stock.release();
    await key.reached();
    await api.kill();
  },
};

test.each(Object.keys(MOMENTS))(
  'an API killed when %s makes one order of it all the same, once its client asks again',
  async (moment) => {
    const attempt = await newAttempt();
    await MOMENTS[moment]?.(attempt);
    await barriers.releaseAll();
    api = await product.startApi({ through: product.line });

    const reply = await retryUntilFinal(attempt.send);
    expect(reply).toMatchObject({
      status: 201,
      body: { items: [{ sku: attempt.sku, reservedQuantity: 2 }] },
    });
    await untilAtRest(product);
    const again = await attempt.send();
    expect([again.status, again.headers.get('idempotency-replayed'), again.body]).toEqual([
      201,
      'true',
      reply.body,
    ]);

    const { body } = await api.call('GET', `/orders?sku=${attempt.sku}`);
    expect(body.items).toMatchObject([
      {
        id: reply.body.id,
        status: 'fulfilled',
        reservations: [{ status: 'shipped' }],
        payments: [{ status: 'captured', amountMinor: 2_000 }],
        shipments: [{}],
      },
    ]);
    await expectAtRest(product.db);
    await expectNothingDoubled(product);
  },
  300_000,
);

/** A client's payment of an order that waits to be paid, with a card that wants its customer. */
interface Payment {
  orderId: string;
  paymentId: string;
  key: string;
  send(): ReturnType<Product['call']>;
}

const RETURN_URL = 'https://shop.example/back';

async function newPayment(): Promise<Payment> {
  const [sku, key] = [`SKU-${newId()}`, newId()];
  await addStock(product.db, sku, 'AMS', 2);
  const body = { customerId: 'c-1', items: [{ sku, quantity: 2 }], capture: 'on_shipment' };
  const placed = await api.call('POST', '/orders', { body, headers: { 'idempotency-key': newId() } });
  expect(placed.status).toBe(201);
  const orderId = placed.body.id;
  const card = { method: 'card', token: 'tok_3ds_abandoned', returnUrl: RETURN_URL };
  return {
    orderId,
    paymentId: orderPaymentId(orderId, 1),
    key,
    send: () =>
      api.call('POST', `/orders/${orderId}/payments`, { body: card, headers: { 'idempotency-key': key } }),
  };
}

/** Whether it waits for its customer. */
async function isWaiting({ paymentId }: Payment): Promise<boolean> {
  const { rowCount } = await product.db.pool.query(
    `select 1 from payments where id = $1 and status = 'requires_action'`,
    [paymentId],
  );
  return rowCount === 1;
}

const PAY_MOMENTS: Record<string, (payment: Payment) => Promise<void>> = {
  'the gateway makes the charge': async (payment) => {
    const charge = await barriers.blockWrites({
      on: 'insert on sandbox_gateway.charges',
      when: `new.idempotency_key = '${payment.paymentId}'`,
      at: 'commit',
    });
    void payment.send().catch(() => undefined);
    await charge.reached();
    await api.kill();
  },
  'the customer is wanted and the client has not been told': async (payment) => {
    const charge = await barriers.blockWrites({
      on: 'insert on sandbox_gateway.charges',
      when: `new.idempotency_key = '${payment.paymentId}'`,
      at: 'commit',
    });
    void payment.send().catch(() => undefined);
    await charge.reached();
    const key = await keyRow(payment);
    await charge.release();
    await key.reached();
    await waitFor(() => isWaiting(payment));
    await api.kill();
  },
  'the client has been told where its customer goes on': async (payment) => {
    await expectAsked(payment);
    await api.kill();
  },
};

/** Its client is told, in the end, where the customer is to go on. */
async function expectAsked({ send, orderId }: Payment): Promise<void> {
  const asked = await waitFor(async () => {
    const reply = await send().catch(() => undefined);
    return reply?.status === 202 && reply.body.status === 'requires_action' ? reply : undefined;
  }, 60_000);
  const { rows } = await product.db.pool.query<{ ref: string }>(
    'select gateway_ref as ref from payments where order_id = $1',
    [orderId],
  );
  expect(asked.body).toMatchObject({
    nextAction: { type: 'redirect', url: expect.stringContaining(String(rows[0]?.ref)) as unknown },
  });
}

test.each(Object.keys(PAY_MOMENTS))(
  'an API killed during a payment when %s asks for the customer once its client asks again, and charges once',
  async (moment) => {
    const payment = await newPayment();
    await PAY_MOMENTS[moment]?.(payment);
    await barriers.releaseAll();
    api = await product.startApi({ through: product.line });

    await expectAsked(payment);
    const asked = await product.db.pool.query('select return_url from payments where order_id = $1', [
      payment.orderId,
    ]);
    expect(asked.rows).toEqual([{ return_url: RETURN_URL }]);
    await authenticate(product, payment.paymentId);
    expect(await retryUntilFinal(payment.send)).toMatchObject({
      status: 200,
      body: { id: payment.paymentId },
    });
    await untilAtRest(product);

    const { rows } = await product.db.pool.query(
      'select status, captured_minor, return_url from payments where order_id = $1',
      [payment.orderId],
    );
    expect(rows).toEqual([{ status: 'captured', captured_minor: 2_000, return_url: null }]);
    await expectAtRest(product.db);
    await expectNothingDoubled(product);
  },
  300_000,
);
