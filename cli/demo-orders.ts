import type { DemoClient } from './demo-client';
import { DemoOrderRunner, type OrderLog } from './demo-order-log';

const CARD_OK = { payment: { method: 'card', token: 'tok_ok' } };
/** Charged after five seconds: whatever a machine is busy with, a cancellation comes before. */
const CARD_SLOW = { payment: { method: 'card', token: 'tok_slow' } };

/** Runs a demo order and returns the log of its events. */
export type DemoScenario = (client: DemoClient) => Promise<OrderLog>;

/** Each uses a product of its own, so that all can run at once and each can count its stock. */
export const DEMO_SCENARIOS: readonly DemoScenario[] = [
  splitOverWarehouses,
  declinedThenPaid,
  neverPaid,
  outOfStock,
  cancelledAfterPayment,
];

/** More than the nearest warehouse has, so the next nearest gives the rest. */
async function splitOverWarehouses(client: DemoClient): Promise<OrderLog> {
  const sku = 'MONITOR-004';
  const fromSecond = 3;
  const runner = new DemoOrderRunner(client, 'Paid with the order, from two warehouses');
  await runner.topUp(sku, 'AMS', 5);
  await runner.topUp(sku, 'FRA', fromSecond);
  const before = await client.inventory(sku);
  const nearest = before.locations.find(({ warehouse }) => warehouse === 'AMS')?.available ?? 0;
  const quantity = nearest + fromSecond;
  const order = await runner.place(sku, quantity, CARD_OK);
  if (!order) return refused(runner);
  await runner.follow(order, ['order_fulfilled']);
  const warehouses = order.items.flatMap(({ allocations }) => allocations.map(({ warehouse }) => warehouse));
  runner.expect(warehouses.length === 2, `it came from ${warehouses.join(', ')}, not from two warehouses`);
  await runner.expectEnd(order, 'fulfilled', before, sku, quantity);
  return runner.log;
}

/** The reservation outlives a decline, so another card may be tried. */
async function declinedThenPaid(client: DemoClient): Promise<OrderLog> {
  const sku = 'HEADSET-001';
  const runner = new DemoOrderRunner(client, 'Declined, then paid with another card');
  await runner.topUp(sku, 'AMS', 1);
  const before = await client.inventory(sku);
  const order = await runner.place(sku, 1);
  if (!order) return refused(runner);
  const declined = await runner.pay(order.id, 'tok_declined');
  runner.expect(declined.status === 402, `the declined card was answered with ${declined.status}, not 402`);
  const paid = await runner.pay(order.id, 'tok_ok');
  runner.expect(paid.status === 200, `the second card was answered with ${paid.status}, not 200`);
  await runner.follow(order, ['order_fulfilled']);
  await runner.expectEnd(order, 'fulfilled', before, sku, 1);
  return runner.log;
}

async function neverPaid(client: DemoClient): Promise<OrderLog> {
  const sku = 'KEYBOARD-001';
  const runner = new DemoOrderRunner(client, 'Never paid: the hold expires after 3 seconds');
  await runner.topUp(sku, 'AMS', 2);
  const before = await client.inventory(sku);
  const order = await runner.place(sku, 2, { holdSeconds: 3 });
  if (!order) return refused(runner);
  await runner.follow(order, ['order_expired']);
  await runner.expectEnd(order, 'expired', before, sku, 0);
  return runner.log;
}

async function outOfStock(client: DemoClient): Promise<OrderLog> {
  const sku = 'CAMERA-013';
  const runner = new DemoOrderRunner(client, 'Out of stock: refused, and nothing is held');
  const before = await client.inventory(sku);
  const order = await runner.place(sku, before.available + 1);
  runner.expect(order === undefined, 'an order was taken for more than there is');
  runner.expect(
    runner.log.lines.some((line) => line.includes('409 OUT_OF_STOCK')),
    'the answer was not 409 OUT_OF_STOCK',
  );
  runner.expectStock(before, await client.inventory(sku), sku, 0);
  return runner.log;
}

/** The customer cancels as soon as the money is taken; where the carrier was faster, while it is being taken. */
async function cancelledAfterPayment(client: DemoClient): Promise<OrderLog> {
  const sku = 'DESK-001';
  const runner = new DemoOrderRunner(client, 'Cancelled after payment: refunded, and the stock is back');
  for (let tries = 1; ; tries++) {
    await runner.topUp(sku, 'AMS', 1);
    const before = await client.inventory(sku);
    const [card, when] = tries === 1 ? [CARD_OK, 'payment_captured'] : [CARD_SLOW, 'payment_started'];
    const order = await runner.place(sku, 1, card);
    if (!order) return refused(runner);
    let answered = 0;
    await runner.follow(order, ['order_cancelled', 'refund_succeeded'], async ({ type }) => {
      if (type !== when) return;
      const path = `/orders/${order.id}/cancel`;
      answered = (await client.call('POST', path, { reason: 'changed my mind' })).status;
    });
    if (answered === 409 && tries < 3) {
      runner.addLine('too late', 'the carrier was faster; once more, with a card that takes longer');
      continue;
    }
    runner.expect(answered === 200 || answered === 202, `cancelling was answered with ${answered}, not 200`);
    const { payments } = await client.order(order.id);
    const refunded = payments.every(({ amountMinor, refundedMinor }) => amountMinor === refundedMinor);
    runner.expect(refunded, 'not all of the money was refunded');
    await runner.expectEnd(order, 'cancelled', before, sku, 0);
    return runner.log;
  }
}

function refused(runner: DemoOrderRunner): OrderLog {
  runner.expect(false, 'the order was refused');
  return runner.log;
}
