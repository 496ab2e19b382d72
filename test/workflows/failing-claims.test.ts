import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { carrierSays, NEVER_MS, untilShipments } from './carrier';
import { place, type OrderRequest, type PlacedOrder } from './order';
import { refuse } from './refuse';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ settings: { SANDBOX_CARRIER_DELAY_MS: NEVER_MS } });
  await addStock(stack.db, 'LAMP', 'AMS', 100);
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

/** When each call beside the steps was begun, milliseconds. */
async function callTimes(order: PlacedOrder, activity: 'askGateway' | 'stopShipments'): Promise<number[]> {
  const { events } = await order.history();
  return (events ?? [])
    .filter((event) => event.activityTaskScheduledEventAttributes?.activityType?.name === activity)
    .map(({ eventTime }) => Number(eventTime?.seconds) * 1_000 + (eventTime?.nanos ?? 0) / 1e6);
}

interface Case {
  call: string;
  activity: 'askGateway' | 'stopShipments';
  request: Partial<OrderRequest>;
  /** What a row of this table must be, so that it cannot be claimed. */
  table: string;
  unclaimed: string;
  /** Makes the call due. */
  begin: (order: PlacedOrder) => Promise<unknown>;
  end: 'cancelled' | 'fulfilled';
}

const cancels = (order: PlacedOrder) => order.cancelLater();
const leaves = (order: PlacedOrder) => carrierSays(stack, order, 'picked_up');
const pays = (order: PlacedOrder) => order.payLater('tok_ok');

const CASES: Case[] = [
  {
    call: 'ask-charge',
    activity: 'askGateway',
    request: {},
    table: 'payments',
    unclaimed: 'tries = 0',
    begin: pays,
    end: 'fulfilled',
  },
  {
    call: 'ask-capture',
    activity: 'askGateway',
    request: { token: 'tok_ok', capture: 'on_shipment' },
    table: 'captures',
    unclaimed: 'tries = 0',
    begin: leaves,
    end: 'fulfilled',
  },
  {
    call: 'ask-void',
    activity: 'askGateway',
    request: { token: 'tok_ok', capture: 'on_shipment' },
    table: 'payments',
    unclaimed: `status <> 'void_planned' or next_try_at is null`,
    begin: cancels,
    end: 'cancelled',
  },
  {
    call: 'ask-refund',
    activity: 'askGateway',
    request: { token: 'tok_ok' },
    table: 'refunds',
    unclaimed: 'tries = 0',
    begin: cancels,
    end: 'cancelled',
  },
  {
    call: 'stop',
    activity: 'stopShipments',
    request: { token: 'tok_ok' },
    table: 'shipments',
    unclaimed: `status <> 'voiding' or next_try_at is null`,
    begin: cancels,
    end: 'cancelled',
  },
];

test.each(CASES)(
  'a call whose row cannot be claimed is made again after a pause that grows, and told of: $call',
  async ({ call, activity, request, table, unclaimed, begin, end }) => {
    const order = await place(stack, { items: { LAMP: 1 }, ...request });
    if (request.token) await untilShipments(order, 'booked');
    else await order.until('reserved');
    const mend = await refuse(stack, table, `order_id <> '${order.orderId}' or (${unclaimed})`);
    await begin(order);
    const { attention } = await order.until((view) => view.attention.length > 0);
    expect(attention).toMatchObject([
      { kind: 'step_failing', why: expect.stringContaining(`The step "${call}" fails each time.`) as string },
    ]);
    const [first = NaN, second = NaN, third = NaN] = await callTimes(order, activity);
    expect(second - first).toBeGreaterThanOrEqual(1_000);
    expect(third - second).toBeGreaterThanOrEqual(2_000);

    await mend();
    if (call === 'ask-charge') {
      await untilShipments(order, 'booked');
      await carrierSays(stack, order, 'picked_up');
    }
    expect(await order.handle.result()).toEqual({ status: end });
    // Once more, or twice where it was not mended before the fourth.
    expect([4, 5]).toContain((await callTimes(order, activity)).length);
    expect((await order.view()).attention).toEqual([]);
  },
);
