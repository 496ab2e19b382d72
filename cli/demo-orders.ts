import type { DemoClient } from './demo-client';
import { Storyteller, type Course } from './demo-order-log';

const CARD_OK = { payment: { method: 'card', token: 'tok_ok' } };

/** A demo order: plays it and answers its course. */
export type DemoScenario = (client: DemoClient) => Promise<Course>;

/** Each uses a product of its own, so that all can run at once and each can count its stock. */
export const DEMO_SCENARIOS: readonly DemoScenario[] = [
  splitOverWarehouses,
  declinedThenPaid,
  neverPaid,
  outOfStock,
  cancelledAfterPayment,
];

/** More than the nearest warehouse has, so the next nearest gives the rest. */
async function splitOverWarehouses(client: DemoClient): Promise<Course> {
  const sku = 'MONITOR-004';
  const fromSecond = 3;
  const story = new Storyteller(client, 'Paid with the order, from two warehouses');
  await story.topUp(sku, 'AMS', 5);
  await story.topUp(sku, 'FRA', fromSecond);
  const before = await client.inventory(sku);
  const nearest = before.locations.find(({ warehouse }) => warehouse === 'AMS')?.available ?? 0;
  const quantity = nearest + fromSecond;
  const order = await story.place(sku, quantity, CARD_OK);
  if (!order) return refused(story);
  await story.follow(order, ['order_fulfilled']);
  const warehouses = order.items.flatMap(({ allocations }) => allocations.map(({ warehouse }) => warehouse));
  story.expect(warehouses.length === 2, `it came from ${warehouses.join(', ')}, not from two warehouses`);
  await story.expectEnd(order, 'fulfilled', before, sku, quantity);
  return story.course;
}

/** The hold outlives a decline, so another card may be tried. */
async function declinedThenPaid(client: DemoClient): Promise<Course> {
  const sku = 'HEADSET-001';
  const story = new Storyteller(client, 'Declined, then paid with another card');
  await story.topUp(sku, 'AMS', 1);
  const before = await client.inventory(sku);
  const order = await story.place(sku, 1);
  if (!order) return refused(story);
  const declined = await story.pay(order.id, 'tok_declined');
  story.expect(declined.status === 402, `the declined card was answered with ${declined.status}, not 402`);
  const paid = await story.pay(order.id, 'tok_ok');
  story.expect(paid.status === 200, `the second card was answered with ${paid.status}, not 200`);
  await story.follow(order, ['order_fulfilled']);
  await story.expectEnd(order, 'fulfilled', before, sku, 1);
  return story.course;
}

async function neverPaid(client: DemoClient): Promise<Course> {
  const sku = 'KEYBOARD-001';
  const story = new Storyteller(client, 'Never paid: the hold expires after 3 seconds');
  await story.topUp(sku, 'AMS', 2);
  const before = await client.inventory(sku);
  const order = await story.place(sku, 2, { holdSeconds: 3 });
  if (!order) return refused(story);
  await story.follow(order, ['order_expired']);
  await story.expectEnd(order, 'expired', before, sku, 0);
  return story.course;
}

async function outOfStock(client: DemoClient): Promise<Course> {
  const sku = 'CAMERA-013';
  const story = new Storyteller(client, 'Out of stock: refused, and nothing is held');
  const before = await client.inventory(sku);
  const order = await story.place(sku, before.available + 1);
  story.expect(order === undefined, 'an order was taken for more than there is');
  story.expect(
    story.course.lines.some((line) => line.includes('409 OUT_OF_STOCK')),
    'the answer was not 409 OUT_OF_STOCK',
  );
  story.expectStock(before, await client.inventory(sku), sku, 0);
  return story.course;
}

/** As soon as the money is taken, the customer thinks better of it. */
async function cancelledAfterPayment(client: DemoClient): Promise<Course> {
  const sku = 'DESK-001';
  const story = new Storyteller(client, 'Cancelled after payment: refunded, and the stock is back');
  for (let tries = 1; ; tries++) {
    await story.topUp(sku, 'AMS', 1);
    const before = await client.inventory(sku);
    const order = await story.place(sku, 1, CARD_OK);
    if (!order) return refused(story);
    let answered = 0;
    await story.follow(order, ['order_cancelled', 'refund_succeeded'], async ({ type }) => {
      if (type !== 'payment_captured') return;
      const path = `/orders/${order.id}/cancel`;
      answered = (await client.call('POST', path, { reason: 'changed my mind' })).status;
    });
    if (answered === 409 && tries < 3) {
      story.tell('too late', 'the carrier was faster; once more');
      continue;
    }
    story.expect(answered === 200 || answered === 202, `cancelling was answered with ${answered}, not 200`);
    const { payments } = await client.order(order.id);
    const refunded = payments.every(({ amountMinor, refundedMinor }) => amountMinor === refundedMinor);
    story.expect(refunded, 'not all of the money was refunded');
    await story.expectEnd(order, 'cancelled', before, sku, 0);
    return story.course;
  }
}

function refused(story: Storyteller): Course {
  story.expect(false, 'the order was refused');
  return story.course;
}
