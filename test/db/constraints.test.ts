import { appendEvents } from '../../domain/orders/events';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { capture, openOrderShop, orderOf, PAYMENT, viewOf, type OrderShop } from './support';

/** What no code of ours, present or future, can do: tried in plain SQL. */
let shop: OrderShop;

beforeAll(async () => {
  shop = await openOrderShop();
});

afterEach(() => expectInvariants(shop.db));

afterAll(() => shop.close());

function raw(text: string, values: unknown[] = []) {
  return shop.db.pool.query(text, values);
}

async function placePaid(): Promise<{ orderId: string; sku: string; paymentId: string }> {
  const sku = await shop.product({ AMS: 5 });
  const { orderId } = orderOf({ [sku]: 2 }, { payment: PAYMENT });
  await shop.place(orderOf({ [sku]: 2 }, { orderId, payment: PAYMENT }));
  await capture(shop.db, orderId);
  return { orderId, sku, paymentId: (await viewOf(shop.db, orderId)).payment!.id };
}

const COPY = `insert into payments (id, order_id, reservation_id, attempt, update_id, status, amount_minor, currency, method, token, gateway)
  select gen_random_uuid(), order_id, reservation_id, attempt + 1, $2, $3, amount_minor, currency, method, token, gateway
  from payments where id = $1`;

describe('stock', () => {
  test.each([
    ['oversold', 'reserved = on_hand + 1', 'stock_on_hand_covers_reserved'],
    ['taken away under a reservation', 'on_hand = reserved - 1', 'stock_on_hand_covers_reserved'],
    ['less than nothing', 'on_hand = -1, reserved = -2', 'stock_on_hand_not_negative'],
    ['reserved less than nothing', 'reserved = -1', 'stock_reserved_not_negative'],
  ])('cannot be %s', async (_name, change, constraint) => {
    const { sku } = await placePaid();
    const update = raw(
      `update stock set ${change} where product_id = (select id from products where sku = $1)`,
      [sku],
    );
    await expect(update).rejects.toMatchObject({ code: '23514', constraint });
  });

  test('cannot be held by a line for more than the line is for, or for less than nothing', async () => {
    const { orderId } = await placePaid();
    for (const open of [3, -1]) {
      await expect(
        raw(
          `update reservation_lines set open_quantity = $2
           where reservation_id = (select id from reservations where order_id = $1)`,
          [orderId, open],
        ),
      ).rejects.toMatchObject({ constraint: 'reservation_lines_open_within_quantity' });
    }
  });
});

describe('money', () => {
  test('cannot be captured twice for one reservation', async () => {
    const { paymentId } = await placePaid();
    await expect(raw(COPY, [paymentId, 'again', 'captured'])).rejects.toMatchObject({
      constraint: 'payments_one_per_reservation',
    });
    await raw(COPY, [paymentId, 'late', 'declined']);
    await expect(
      raw(`update payments set status = 'captured' where update_id = 'late'`),
    ).rejects.toMatchObject({
      constraint: 'payments_one_per_reservation',
    });
  });

  test('cannot be in flight twice for one order, as pending or unknown', async () => {
    const { paymentId } = await placePaid();
    await raw(COPY, [paymentId, 'first', 'pending']);
    const second = `insert into payments (id, order_id, reservation_id, attempt, update_id, status, amount_minor, currency, method, token, gateway)
      select gen_random_uuid(), order_id, reservation_id, attempt + 2, 'second', 'unknown', amount_minor, currency, method, token, gateway
      from payments where id = $1`;
    await expect(raw(second, [paymentId])).rejects.toMatchObject({ constraint: 'payments_one_in_flight' });
    await raw(`update payments set status = 'declined' where update_id = 'first'`);
  });

  test('of one update of an order is one charge', async () => {
    const { paymentId } = await placePaid();
    await expect(raw(COPY, [paymentId, 'order', 'declined'])).rejects.toMatchObject({
      constraint: 'payments_update',
    });
  });

  test('cannot go back beyond what was captured', async () => {
    const { paymentId } = await placePaid();
    await expect(
      raw('update payments set refund_planned_minor = amount_minor + 1 where id = $1', [paymentId]),
    ).rejects.toMatchObject({ constraint: 'refunds_within_capture' });
    await expect(
      raw('update payments set refunded_minor = 1 where id = $1', [paymentId]),
    ).rejects.toMatchObject({
      constraint: 'refunds_within_capture',
    });
  });
});

describe('an order', () => {
  test('cannot lose or gain a unit', async () => {
    const { orderId } = await placePaid();
    await expect(
      raw('update order_items set reserved_quantity = reserved_quantity - 1 where order_id = $1', [orderId]),
    ).rejects.toMatchObject({ constraint: 'order_items_every_unit_accounted' });
  });

  test('cannot ship twice from one warehouse for one reservation', async () => {
    const { orderId } = await placePaid();
    await expect(
      raw(
        `insert into shipments (id, order_id, reservation_id, warehouse_id, carrier)
         select gen_random_uuid(), order_id, reservation_id, warehouse_id, carrier from shipments where order_id = $1`,
        [orderId],
      ),
    ).rejects.toMatchObject({ constraint: 'shipments_one_per_warehouse' });
  });

  test('cannot wait for more than it asked for', async () => {
    const sku = await shop.product({});
    const order = orderOf({ [sku]: 2 }, { fulfilment: 'backorder' });
    await shop.place(order);
    await expect(
      raw('update backorders set waiting = 3 where order_id = $1', [order.orderId]),
    ).rejects.toMatchObject({
      constraint: 'backorders_waiting_within_quantity',
    });
  });
});

describe('the history of an order', () => {
  test('is numbered without gaps, whoever writes it at the same moment', async () => {
    const orders = [await placePaid(), await placePaid()].map((each) => each.orderId);
    const [first, second] = orders as [string, string];
    await Promise.all(
      Array.from({ length: 60 }, (_, n) => {
        const both = n % 2 === 0 ? [first, second] : [second, first];
        return shop.db.retrying((tx) =>
          appendEvents(tx, [
            ...both.map((orderId) => ({ orderId, type: `note_${n}` })),
            { orderId: first, type: `more_${n}`, data: { n } },
          ]),
        );
      }),
    );
    for (const [orderId, added] of [
      [first, 120],
      [second, 60],
    ] as const) {
      const { rows } = await raw('select seq, type from order_events where order_id = $1 order by seq', [
        orderId,
      ]);
      expect(rows.map((row: { seq: number }) => row.seq)).toEqual(rows.map((_, index) => index + 1));
      expect(rows.filter((row: { type: string }) => /^(note|more)_/.test(row.type))).toHaveLength(added);
    }
  });

  test('has no event of a transaction that did not commit, and no gap for it', async () => {
    const { orderId } = await placePaid();
    const failing = shop.db.transaction(async (tx) => {
      await appendEvents(tx, [{ orderId, type: 'never' }]);
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    await shop.db.transaction((tx) => appendEvents(tx, [{ orderId, type: 'after' }]));
  });

  test('of an order that does not exist is not written', async () => {
    await shop.db.transaction((tx) => appendEvents(tx, [{ orderId: newId(), type: 'lost' }]));
    const found = await raw(`select 1 from order_events where type = 'lost'`);
    expect(found.rowCount).toBe(0);
  });
});
