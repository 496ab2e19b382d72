import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { NEVER_MS, untilShipments } from './carrier';
import { place } from './order';

let stack: Stack;
/** Parcels about which the carrier does not respond before it is told to. */
const hanging = new Map<string, Promise<void>>();

beforeAll(async () => {
  stack = await startStack({
    settings: { SANDBOX_CARRIER_DELAY_MS: NEVER_MS },
    integrations: ({ carriers, ...others }) => ({
      ...others,
      carriers: carriers.map((carrier) => ({
        ...carrier,
        async void(shipmentId) {
          await hanging.get(shipmentId);
          return carrier.void(shipmentId);
        },
      })),
    }),
  });
  for (const warehouse of ['AMS', 'BER']) await addStock(stack.db, 'SOFA', warehouse, 1);
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

test('a parcel that is to be stopped while the carrier hangs about another is stopped meanwhile', async () => {
  const order = await place(stack, { items: { SOFA: 2 }, token: 'tok_ok' });
  await untilShipments(order, 'booked');
  let respond = () => {};
  const response = new Promise<void>((resolve) => (respond = resolve));
  for (const { id } of (await order.view()).shipments) hanging.set(id, response);
  const cut = order.cut({ SOFA: 1 });
  const { shipments } = await order.until((view) =>
    view.shipments.some(({ status }) => status === 'voiding'),
  );
  const other = shipments.find(({ status }) => status === 'booked')!;
  hanging.delete(other.id);

  const cancelled = order.cancel();
  await order.until((view) =>
    view.shipments.some(({ id, status }) => id === other.id && status === 'voided'),
  );
  expect((await order.view()).shipments.map(({ status }) => status).sort()).toEqual(['voided', 'voiding']);
  respond();
  expect(await cancelled).toEqual({ outcome: 'cancelled' });
  await cut;
  expect(await order.closed('stop-hangs')).toEqual({ status: 'cancelled' });
  const { status, items, shipments: ended } = await order.view();
  expect([status, items[0]?.cancelledQuantity]).toEqual(['cancelled', 2]);
  expect(ended.map((one) => one.status)).toEqual(['voided', 'voided']);
});
