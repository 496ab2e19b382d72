import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { CANCELLED_WITHIN_MS, EXPIRED_WITHIN_MS } from '../support/promised';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { carrierSays, NEVER_MS, untilShipments } from './carrier';
import { hangingGateway, type HangingGateway } from './gateway';
import { lateness, place, type PlacedOrder } from './order';

/** Far more than fit into the slots of charges. */
const ORDERS = 48;
const PAYMENT_CALLS = 4;

let gateway: HangingGateway;
let stack: Stack;

async function start(paymentCallMs: number): Promise<void> {
  gateway = hangingGateway();
  stack = await startStack({
    api: true,
    gateway: (sandbox) => gateway.over(sandbox),
    settings: {
      PAYMENT_CALLS,
      PAYMENT_CALL_TIMEOUT_MS: paymentCallMs,
      SANDBOX_CARRIER_DELAY_MS: NEVER_MS,
    },
  });
  await addStock(stack.db, 'LAMP', 'AMS', 200);
}
afterEach(async () => {
  gateway.release();
  await stack.stop();
});

const placed = (paymentCallMs: number, token: string | undefined, holdSeconds = 60) =>
  place(stack, { items: { LAMP: 1 }, token, holdSeconds, saga: { paymentCallMs, firstRetryMs: 100 } });

async function metric(name: string, labels: string): Promise<number | undefined> {
  const text = await (await fetch(new URL('/metrics', stack.url))).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name}{`) && one.includes(labels));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
}

const breakerIs = async (state: string) =>
  (await metric('holdfast_gateway_breaker_state', `gateway="sandbox",state="${state}"`)) === 1;

/** Orders that the carrier has not stopped are picked up, and end. */
async function finish(orders: readonly PlacedOrder[]): Promise<void> {
  for (const order of orders) {
    await untilShipments(order, 'booked');
    await carrierSays(stack, order, 'picked_up');
    expect(await order.handle.result()).toEqual({ status: 'fulfilled' });
  }
}

/** The request is answered later: it waits a little for the refund. */
async function cancelled(order: PlacedOrder): Promise<void> {
  await order.cancelLater();
  await order.until('cancelled');
}

async function timed(work: Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work;
  return performance.now() - begun;
}

test('at a gateway that hangs, parcels are stopped, reservations expire and a cancel frees stock, all within seconds', async () => {
  const longMs = 120_000;
  await start(longMs);
  const shipped = await placed(longMs, 'tok_ok');
  await untilShipments(shipped, 'booked');
  const unpaid = await placed(longMs, undefined, 4);
  await unpaid.until('reserved');

  gateway.hang();
  const paying = await Promise.all(Array.from({ length: ORDERS }, () => placed(longMs, 'tok_ok')));
  const unwanted = await placed(longMs, 'tok_ok');
  await waitFor(
    async () => (await metric('holdfast_worker_in_flight', `payments",kind="activity"`)) === PAYMENT_CALLS,
  );
  expect(gateway.waiting()).toBeGreaterThanOrEqual(PAYMENT_CALLS);

  expect(await timed(cancelled(shipped))).toBeLessThan(CANCELLED_WITHIN_MS);
  expect(await shipped.view()).toMatchObject({
    shipments: [{ status: 'voided' }],
    reservation: { status: 'cancelled' },
    payment: { status: 'captured' },
  });
  expect(await timed(cancelled(unwanted))).toBeLessThan(CANCELLED_WITHIN_MS);
  expect(await unwanted.view()).toMatchObject({ reservation: { status: 'cancelled' } });
  expect(await unpaid.handle.result()).toEqual({ status: 'expired' });
  expect(await lateness(stack, unpaid)).toBeLessThan(EXPIRED_WITHIN_MS);
  expect(await metric('holdfast_worker_in_flight', `payments",kind="activity"`)).toBe(PAYMENT_CALLS);

  gateway.release();
  await finish(paying);
  for (const order of [shipped, unwanted])
    expect(await order.handle.result()).toEqual({ status: 'cancelled' });
  expect(await shipped.view()).toMatchObject({ payment: { status: 'refunded' } });
  await expectAtRest(stack.db);
});

test('its circuit breaker opens, charges say so, and all are made once it responds again', async () => {
  const shortMs = 200;
  await start(shortMs);
  expect(await breakerIs('closed')).toBe(true);
  gateway.hang();
  const paying = await Promise.all(Array.from({ length: ORDERS }, () => placed(shortMs, 'tok_ok')));
  await waitFor(() => breakerIs('open'));
  const late = await placed(shortMs, 'tok_ok');
  await late.until(({ payment }) => payment?.lastError?.includes('circuit breaker is open') === true);
  expect(await late.view()).toMatchObject({ status: 'reserved', payment: { status: 'unknown' } });

  gateway.release();
  await finish([...paying, late]);
  expect(await breakerIs('closed')).toBe(true);
  await expectAtRest(stack.db);
});
