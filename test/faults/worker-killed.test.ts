import { expectAsIfNothingHappened } from './assertions';
import { openProduct, type Product } from './product';
import { standAtSteps } from './steps';
import { waitFor } from '../support/wait';

let product: Product;
beforeAll(async () => {
  product = await openProduct();
}, 240_000);
afterAll(() => product.close());

async function rows(text: string, ...values: unknown[]): Promise<number> {
  return (await product.db.pool.query(text, values)).rowCount ?? 0;
}

test('a worker killed while orders stand at every step, and started again, ends each as if nothing had happened', async () => {
  const worker = await product.startWorker({ through: product.line });
  const standing = await standAtSteps(product);

  // From here on the engine hears nothing of what the worker still does in PostgreSQL.
  product.line.cut();
  const reserved = standing.order('its reserve waits for the stock').orderId;
  await standing.pass('its reserve waits for the stock');
  await waitFor(() => rows('select 1 from orders where id = $1', reserved), 60_000);
  const captured = standing.order('its charge is captured and not written down').orderId;
  await standing.pass('its charge is captured and not written down');
  await waitFor(
    () => rows(`select 1 from shipments where order_id = $1 and status = 'pending'`, captured),
    60_000,
  );
  const waiting = standing.order('it waits for stock');
  await product.call('POST', `/inventory/${waiting.sku}/adjust`, {
    body: { location: 'AMS', delta: 2, reason: 'receipt' },
  });
  await waitFor(
    () =>
      rows(
        `select 1 from outbox where topic = 'order.wake' and key = $1 and attempts > 0
         and available_at > clock_timestamp() + interval '5 seconds'`,
        waiting.orderId,
      ),
    60_000,
  );
  await worker.kill();

  const expiring = standing.order('it waits to be paid, and nobody will').orderId;
  await waitFor(() =>
    rows('select 1 from reservations where order_id = $1 and expires_at < clock_timestamp()', expiring),
  );
  product.line.mend();
  await product.startWorker();
  await expectAsIfNothingHappened(product, standing);
}, 600_000);
