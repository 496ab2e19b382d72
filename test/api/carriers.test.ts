import { newId } from '../../platform/ids';
import { addPaidOrder, addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { openTestApi, type TestApi } from './support';

let test: TestApi;

beforeAll(async () => {
  test = await openTestApi();
  await addStock(test.db, 'A', 'AMS', 100);
});
afterAll(() => test.close());

async function bookedShipment(): Promise<{ shipmentId: string; orderId: string }> {
  const { orderId, reservationId } = await addPaidOrder(test.db, [
    { sku: 'A', warehouse: 'AMS', quantity: 2 },
  ]);
  const shipmentId = newId();
  await test.db.pool.query(
    `with shipped as (
       insert into shipments (id, order_id, reservation_id, warehouse_id, carrier, status)
       select $1, $2, $3, id, 'sandbox', 'booked' from warehouses where code = 'AMS')
     insert into shipment_items (shipment_id, product_id, sku, quantity) select $1, id, sku, 2 from products where sku = 'A'`,
    [shipmentId, orderId, reservationId],
  );
  return { shipmentId, orderId };
}

describe("a carrier's updates", () => {
  it('are taken once each, and the order follows', async () => {
    const { shipmentId, orderId } = await bookedShipment();
    const event = { eventId: newId(), shipmentId, type: 'picked_up', occurredAt: new Date().toISOString() };
    const tell = (events: object[]) => test.call('POST', '/carriers/sandbox/events', { body: { events } });
    const unknown = { ...event, eventId: newId(), shipmentId: newId() };
    expect(await tell([event, event, unknown])).toMatchObject({
      status: 200,
      body: { results: [{ result: 'applied' }, expect.anything(), { result: 'unknown_shipment' }] },
    });
    expect((await tell([event])).body.results).toEqual([{ eventId: event.eventId, result: 'duplicate' }]);
    const { body } = await test.call('GET', `/orders/${orderId}`);
    expect(body).toMatchObject({
      status: 'fulfilled',
      items: [{ fulfilledQuantity: 2, allocations: [{ warehouse: 'AMS', quantity: 2 }] }],
      shipments: [{ id: shipmentId, status: 'picked_up' }],
    });
    await expectInvariants(test.db);
  });

  it('that tell of a parcel that was stopped and left all the same are shown by its order and by an alert', async () => {
    const { shipmentId, orderId } = await bookedShipment();
    await test.db.pool.query(`update shipments set status = 'voided' where id = $1`, [shipmentId]);
    const tell = (type: string) =>
      test.call('POST', '/carriers/sandbox/events', {
        body: { events: [{ eventId: newId(), shipmentId, type, trackingNumber: 'T-14' }] },
      });
    expect((await tell('picked_up')).body.results).toMatchObject([{ result: 'applied' }]);
    expect((await tell('picked_up')).body.results).toMatchObject([{ result: 'stale' }]);
    expect((await test.call('GET', `/orders/${orderId}`)).body).toMatchObject({
      shipments: [{ id: shipmentId, status: 'voided', trackingNumber: 'T-14' }],
      attention: [{ kind: 'left_after_stop', about: shipmentId }],
    });
    const events = await test.call('GET', `/orders/${orderId}/events`);
    expect(events.body.items).toMatchObject([{ type: 'shipment_left_after_stop', data: { units: 2 } }]);
    const alerts = await test.call('GET', '/inventory/alerts?kind=attention');
    expect(alerts.body.items).toMatchObject([{ orderId, details: { severity: 'critical', shipmentId } }]);
    await expectInvariants(test.db);
  });

  it('are refused from an unknown carrier', async () => {
    const events = [{ eventId: 'e', shipmentId: newId(), type: 'picked_up' }];
    expect((await test.call('POST', '/carriers/nobody/events', { body: { events } })).status).toBe(404);
  });

  it('are refused with a time that the database does not take, and block nothing', async () => {
    const { shipmentId } = await bookedShipment();
    const tell = (occurredAt: string) =>
      test.call('POST', '/carriers/sandbox/events', {
        body: { events: [{ eventId: newId(), shipmentId, type: 'picked_up', occurredAt }] },
      });
    const bad = [
      '2026-05-01T10:00:00+23:00',
      '2026-05-01T10:00:00-16:00',
      '0000-05-01T10:00:00Z',
      '0001-01-01T00:00:00+01:00',
      '9999-12-31T23:59:59-01:00',
    ];
    for (const occurredAt of bad) {
      expect(await tell(occurredAt)).toMatchObject({
        status: 422,
        body: { code: 'VALIDATION_FAILED', errors: [{ path: 'events.0.occurredAt' }] },
      });
    }
    expect(await tell(`2026-05-01T10:00:00.${'1'.repeat(200)}+15:59`)).toMatchObject({
      body: { results: [{ result: 'applied' }] },
    });
  });

  it('are refused when they break a rule', async () => {
    const event = { eventId: 'e', shipmentId: newId(), type: 'picked_up' };
    const bad: unknown[] = [
      {},
      { events: [] },
      { events: Array.from({ length: 501 }, () => event) },
      { events: [{ ...event, type: 'eaten' }] },
      { events: [{ ...event, shipmentId: 'x' }] },
      { events: [{ ...event, occurredAt: 'today' }] },
      { events: [{ ...event, occurredAt: '2026-02-30T10:00:00Z' }] },
      { events: [{ ...event, eventId: '' }] },
    ];
    for (const body of bad) {
      expect(await test.call('POST', '/carriers/sandbox/events', { body })).toMatchObject({
        status: 422,
        body: { code: 'VALIDATION_FAILED' },
      });
    }
  });
});
