import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { retryUntilFinal } from '../support/retry-until-final';
import { expectAtRest } from '../support/invariants';
import { waitFor } from '../support/wait';
import { expectNothingDoubled, untilAtRest } from './assertions';
import { openBarriers, type Barriers } from './barrier';
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

const keyRow = ({ key }: Attempt) =>
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
