import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { newId } from '../../platform/ids';
import { waitFor } from '../support/wait';
import { carrierSays, NEVER_MS, untilShipments } from './carrier';
import { place } from './order';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ slowMs: 1_500, settings: { SANDBOX_CARRIER_DELAY_MS: NEVER_MS } });
  await addStock(stack.db, 'LAMP', 'AMS', 100);
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

test('one unit of three is cut after the parcel was booked: it is stopped, and the other two ship', async () => {
  const order = await place(stack, { items: { LAMP: 3 }, token: 'tok_ok' });
  await untilShipments(order, 'booked');
  const requestId = newId();
  expect(await order.cut({ LAMP: 1 }, requestId)).toEqual({ outcome: 'cut' });
  // The same request, as an update of its own: the rows know it.
  expect(await order.cut({ LAMP: 1 }, requestId)).toEqual({ outcome: 'cut' });
  const { shipments } = await order.until((view) => view.shipments.some(({ status }) => status === 'booked'));
  expect(shipments.map(({ status, items }) => [status, items[0]?.quantity])).toEqual([
    ['voided', 3],
    ['booked', 2],
  ]);
  await carrierSays(stack, order, 'picked_up', 'AMS');
  expect(await order.closed('unit-cut-after-booking')).toEqual({ status: 'fulfilled' });
  expect(await order.view()).toMatchObject({
    items: [{ fulfilledQuantity: 2, cancelledQuantity: 1 }],
    payment: { status: 'partially_refunded', refundedMinor: 1_000 },
  });
});

test('a cut waits for the charge in flight, and all units cut end the order', async () => {
  const order = await place(stack, { items: { LAMP: 2 }, token: 'tok_slow' });
  await order.until((view) => view.payments.length === 1);
  expect(await order.cut({ LAMP: 2 })).toEqual({ outcome: 'cut' });
  expect(await order.closed('all-units-cut')).toEqual({ status: 'cancelled' });
  expect(await order.view()).toMatchObject({ payment: { status: 'refunded', refundedMinor: 2_000 } });
});

test('units that have left are not cut', async () => {
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  await untilShipments(order, 'booked');
  await stack.db.pool.query(
    `update sandbox_carrier.parcels set stage = 'picked_up', next_stage = null, next_at = null where shipment_id = $1`,
    [(await order.view()).shipments[0]!.id],
  );
  expect(await order.cut({ LAMP: 1 })).toEqual({ outcome: 'refused', code: 'NOT_CANCELLABLE' });
  await carrierSays(stack, order, 'picked_up');
  expect(await order.handle.result()).toEqual({ status: 'fulfilled' });
});

test('a saga whose history grows long goes on in a new run, and a cut repeated with its key across it cuts once', async () => {
  const order = await place(stack, { items: { LAMP: 3 }, saga: { eventsPerRun: 25 } });
  await order.until('reserved');
  const runId = async () => (await order.handle.describe()).runId;
  const first = await runId();
  const requestId = newId();
  expect(await order.cut({ LAMP: 1 }, requestId)).toEqual({ outcome: 'cut' });
  await waitFor(async () => {
    await order.wake();
    return (await runId()) !== first;
  });
  expect(await order.cut({ LAMP: 1 }, requestId)).toEqual({ outcome: 'cut' });
  expect((await order.view()).items).toMatchObject([{ reservedQuantity: 2, cancelledQuantity: 1 }]);
  expect(await order.pay('tok_ok')).toMatchObject({ outcome: 'captured' });
  await untilShipments(order, 'booked');
  await carrierSays(stack, order, 'picked_up');
  expect(await order.closed('continued-as-new')).toEqual({ status: 'fulfilled' });
  expect((await order.view()).payments).toMatchObject([{ amountMinor: 2_000 }]);
});
