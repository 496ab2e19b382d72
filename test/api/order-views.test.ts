import { addPaidOrder, addStock } from '../support/fixtures';
import { openTestApi, type TestApi } from './support';

let test: TestApi;

beforeAll(async () => {
  test = await openTestApi();
  for (const warehouse of ['AMS', 'LON']) {
    await addStock(test.db, 'A', warehouse, 100);
    await addStock(test.db, 'B', warehouse, 100);
  }
});
afterAll(() => test.close());

function run(text: string, values: unknown[] = []) {
  return test.db.pool.query(text, values);
}

describe('the view of an order', () => {
  it('shows items with their allocations, reservations, payments, refunds and shipments', async () => {
    const { orderId, reservationId } = await addPaidOrder(test.db, [
      { sku: 'A', warehouse: 'AMS', quantity: 2 },
      { sku: 'A', warehouse: 'LON', quantity: 1 },
      { sku: 'B', warehouse: 'AMS', quantity: 4 },
    ]);
    await run(
      `insert into payments (id, order_id, reservation_id, attempt, update_id, status, amount_minor, refunded_minor,
         refund_planned_minor, capture_planned_minor, captured_minor, currency, method, token, gateway, decline_code)
       select gen_random_uuid(), $1, $2, n, 'u' || n, status, 7000, refunded, refunded, captured, captured, 'USD', 'card', 'tok', 'sandbox', decline
       from (values (1, 'declined', 0, 0, 'card_declined'), (2, 'partially_refunded', 1000, 7000, null))
         as t (n, status, refunded, captured, decline)`,
      [orderId, reservationId],
    );
    await run(
      `insert into refunds (id, payment_id, order_id, amount_minor, reason, status)
       select gen_random_uuid(), id, order_id, 1000, 'cut', 'succeeded' from payments where order_id = $1 and attempt = 2`,
      [orderId],
    );
    await run(
      `with shipped as (
         insert into shipments (id, order_id, reservation_id, warehouse_id, carrier, status, tracking_number)
         select gen_random_uuid(), $1, $2, id, 'sandbox', 'picked_up', 'T-1' from warehouses where code = 'LON'
         returning id, warehouse_id
       ), taken as (
         update reservation_lines l set open_quantity = 0 from shipped s
         where l.reservation_id = $2 and l.warehouse_id = s.warehouse_id
       )
       insert into shipment_items (shipment_id, product_id, sku, quantity)
       select s.id, p.id, 'A', 1 from shipped s, products p where p.sku = 'A'`,
      [orderId, reservationId],
    );
    await run(
      `update order_items set reserved_quantity = 2, fulfilled_quantity = 1 where order_id = $1 and sku = 'A'`,
      [orderId],
    );

    const { status, body } = await test.call('GET', `/orders/${orderId}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: orderId, status: 'paid', customerId: 'c-test', currency: 'USD' });
    expect(body.items).toEqual([
      expect.objectContaining({
        sku: 'A',
        quantity: 3,
        unitPriceMinor: 1000,
        status: 'reserved',
        reservedQuantity: 2,
        backorderedQuantity: 0,
        fulfilledQuantity: 1,
        cancelledQuantity: 0,
        allocations: [
          { warehouse: 'AMS', quantity: 2 },
          { warehouse: 'LON', quantity: 1 },
        ],
      }),
      expect.objectContaining({ sku: 'B', quantity: 4, allocations: [{ warehouse: 'AMS', quantity: 4 }] }),
    ]);
    expect(body.reservation).toMatchObject({ id: reservationId, status: 'confirmed' });
    expect(Date.parse(body.reservation.expiresAt)).toBeGreaterThan(Date.now());
    expect(body.payments).toMatchObject([
      { status: 'declined', declineCode: 'card_declined', refundedMinor: 0 },
      { status: 'partially_refunded', amountMinor: 7000, refundedMinor: 1000, currency: 'USD' },
    ]);
    expect(body.payments[1]).not.toHaveProperty('declineCode');
    expect(body.payment).toEqual(body.payments[1]);
    expect(body.refunds).toMatchObject([
      { paymentId: body.payment.id, amountMinor: 1000, status: 'succeeded' },
    ]);
    expect(body.shipments).toMatchObject([
      { warehouse: 'LON', status: 'picked_up', trackingNumber: 'T-1', items: [{ sku: 'A', quantity: 1 }] },
    ]);
  });

  it('shows a reservation that is being charged as pending', async () => {
    const { orderId, reservationId } = await addPaidOrder(test.db, [
      { sku: 'B', warehouse: 'AMS', quantity: 1 },
    ]);
    await run(`update reservations set status = 'charging' where id = $1`, [reservationId]);
    expect((await test.call('GET', `/orders/${orderId}`)).body.reservation.status).toBe('pending');
  });

  it('does not show what was let go as allocated', async () => {
    const { orderId, reservationId } = await addPaidOrder(test.db, [
      { sku: 'B', warehouse: 'AMS', quantity: 3 },
    ]);
    await run(`update reservation_lines set open_quantity = 0 where reservation_id = $1`, [reservationId]);
    expect((await test.call('GET', `/orders/${orderId}`)).body.items[0]?.allocations).toEqual([]);
  });

  it('tells status and sourcing apart', async () => {
    const { orderId } = await addPaidOrder(test.db, [{ sku: 'B', warehouse: 'AMS', quantity: 1 }]);
    const decisions = [
      {
        sku: 'B',
        strategy: 'nearest',
        requested: 1,
        candidates: [{ warehouse: 'AMS', distanceKm: 1.5, available: 9, taken: 1 }],
      },
    ];
    await run('update orders set sourcing = $2 where id = $1', [orderId, JSON.stringify(decisions)]);
    expect((await test.call('GET', `/orders/${orderId}/status`)).body).toEqual({
      id: orderId,
      status: 'paid',
      updatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
    });
    expect((await test.call('GET', `/orders/${orderId}/sourcing`)).body).toEqual({ id: orderId, decisions });
  });
});

describe('the list of orders', () => {
  const ids: string[] = [];

  beforeAll(async () => {
    await run('truncate orders cascade').catch(() => undefined);
    for (let n = 0; n < 7; n++) {
      const { orderId } = await addPaidOrder(test.db, [
        { sku: n % 2 ? 'A' : 'B', warehouse: 'AMS', quantity: 1 },
      ]);
      // Three share one moment, to the microsecond: the id tells them apart.
      await run(
        `update orders set customer_id = $2, status = $3,
           created_at = '2030-01-01T00:00:00.000001Z'::timestamptz + make_interval(days => $4) where id = $1`,
        [orderId, `list-${n % 3}`, n < 2 ? 'cancelled' : 'paid', Math.max(0, n - 3)],
      );
      ids.push(orderId);
    }
  });

  async function pages(query: string): Promise<string[][]> {
    const found: string[][] = [];
    let cursor: string | null = null;
    do {
      const { body } = await test.call(
        'GET',
        `/orders?${query}${cursor === null ? '' : `&cursor=${cursor}`}`,
      );
      found.push(body.items.map((item) => item.id));
      cursor = body.nextCursor;
    } while (cursor !== null);
    return found;
  }

  const inList = 'from=2029-12-31T00:00:00Z&to=2031-01-01T00:00:00Z';

  it('pages newest first, each order once, also where moments are equal', async () => {
    const found = await pages(`${inList}&limit=2`);
    expect(found.map((page) => page.length)).toEqual([2, 2, 2, 1]);
    expect(found.flat().slice(0, 3)).toEqual(ids.slice(4).reverse());
    expect(found.flat().slice(3)).toEqual(ids.slice(0, 4).sort().reverse());
  });

  it('does not lose its place when orders come in between', async () => {
    const first = await test.call('GET', `/orders?${inList}&limit=5`);
    await addPaidOrder(test.db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]);
    const second = await test.call('GET', `/orders?${inList}&limit=5&cursor=${first.body.nextCursor ?? ''}`);
    const seen = [...first.body.items, ...second.body.items].map((item) => item.id);
    expect(seen.sort()).toEqual([...ids].sort());
    expect(second.body.nextCursor).toBeNull();
  });

  it('filters by status, customer, SKU and time, all together', async () => {
    const found = async (query: string) => (await pages(`${inList}&${query}`)).flat().sort();
    const where = (keep: (n: number) => boolean) => ids.filter((_, n) => keep(n)).sort();
    expect(await found('status=cancelled')).toEqual(where((n) => n < 2));
    expect(await found('customerId=list-1')).toEqual(where((n) => n % 3 === 1));
    expect(await found('sku=A')).toEqual(where((n) => n % 2 === 1));
    expect(await found('sku=NOPE')).toEqual([]);
    expect(await found('sku=A&status=paid&customerId=list-0')).toEqual(where((n) => n === 3));
    expect((await pages('from=2030-01-03T00:00:00Z')).flat().sort()).toEqual(where((n) => n >= 5));
    expect((await pages('from=2029-12-31T00:00:00Z&to=2030-01-02T00:00:00Z')).flat().sort()).toEqual(
      where((n) => n <= 3),
    );
  });

  it('also pages by offset', async () => {
    const all = (await pages(inList)).flat();
    const { body } = await test.call('GET', `/orders?${inList}&offset=5&limit=5`);
    expect(body.items.map((item) => item.id)).toEqual(all.slice(5));
  });
});
