import { postEvents } from '../../integrations/sandbox-carrier/entry';
import { newId } from '../../platform/ids';
import { CARRIER_SECRET, signedHeaders } from '../support/carrier-signature';
import { addPaidOrder, addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { openTestApi, withoutItsBody, type TestApi } from './support';

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
    const tell = (events: object[]) =>
      test.call('POST', '/carriers/sandbox/events', { signed: true, body: { events } });
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
        signed: true,
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
        signed: true,
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
      expect(await test.call('POST', '/carriers/sandbox/events', { signed: true, body })).toMatchObject({
        status: 422,
        body: { code: 'VALIDATION_FAILED' },
      });
    }
  });

  describe('are taken only with a signature', () => {
    const picked = (shipmentId: string) =>
      JSON.stringify({ events: [{ eventId: newId(), shipmentId, type: 'picked_up' }] });
    const send = (raw: string, headers: Record<string, string>, api = test) =>
      api.call('POST', '/carriers/sandbox/events', { raw, headers });
    const refused = (code: string) => ({ status: 401, body: { code } });
    const statusOf = async (id: string) =>
      (await test.db.pool.query<{ status: string }>('select status from shipments where id = $1', [id]))
        .rows[0]?.status;
    const OTHER = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

    it('of a secret that is set, over the bytes that were sent', async () => {
      const { shipmentId } = await bookedShipment();
      const raw = picked(shipmentId);
      const headers = signedHeaders(raw);
      expect(await send(raw, {})).toMatchObject(refused('SIGNATURE_MISSING'));
      expect(await send(raw, { ...headers, 'webhook-id': '' })).toMatchObject(refused('SIGNATURE_MISSING'));
      expect(await send(`${raw} `, { ...headers })).toMatchObject(refused('SIGNATURE_INVALID'));
      expect(await send(raw, { ...headers, 'webhook-id': 'another' })).toMatchObject(
        refused('SIGNATURE_INVALID'),
      );
      expect(await send(raw, { ...headers, 'webhook-signature': 'v1,' })).toMatchObject(
        refused('SIGNATURE_INVALID'),
      );
      expect(await send(raw, { ...headers, 'webhook-timestamp': 'now' })).toMatchObject(
        refused('SIGNATURE_INVALID'),
      );
      expect(await send(raw, { ...signedHeaders(raw, { secret: OTHER }) })).toMatchObject(
        refused('SIGNATURE_INVALID'),
      );
      // What nobody has signed is not looked at: neither its form nor whether it has one.
      for (const nothing of ['', '{', '[]'])
        expect(await send(nothing, {})).toMatchObject(refused('SIGNATURE_MISSING'));
      expect(await send(raw, { 'content-type': 'text/plain' })).toMatchObject(refused('SIGNATURE_MISSING'));
      expect(await statusOf(shipmentId)).toBe('booked');
      expect(await send(raw, { ...headers })).toMatchObject({
        status: 200,
        body: { results: [{ result: 'applied' }] },
      });
      // Within the five minutes the same message is valid again, and its updates are known.
      expect(await send(raw, { ...headers })).toMatchObject({ body: { results: [{ result: 'duplicate' }] } });
      expect(await send('{', { ...signedHeaders('{') })).toMatchObject({
        status: 400,
        body: { code: 'MALFORMED_JSON' },
      });
      expect(await send('', { ...signedHeaders('') })).toMatchObject({ status: 422 });
      const other = { ...signedHeaders(raw), 'content-type': 'text/plain' };
      expect(await send(raw, other)).toMatchObject({ status: 415 });
    });

    it('in the headers, which are looked at before the body comes', async () => {
      expect(await withoutItsBody(test, '/carriers/nobody/events')).toMatchObject({ status: 404 });
      expect(await withoutItsBody(test, '/carriers/sandbox/events')).toMatchObject(
        refused('SIGNATURE_MISSING'),
      );
    });

    it('as the sandbox carrier sends them', async () => {
      const { shipmentId } = await bookedShipment();
      const url = `${test.api.url}/api/v1/carriers/sandbox/events`;
      const events = [{ eventId: newId(), shipmentId, type: 'picked_up' as const }];
      await expect(postEvents(url, [], events)).rejects.toThrow('SIGNATURE_MISSING');
      expect(await postEvents(url, [OTHER, CARRIER_SECRET], events)).toEqual([]);
      expect(await statusOf(shipmentId)).toBe('picked_up');
    });

    it('that is not older than five minutes, nor ahead', async () => {
      const { shipmentId } = await bookedShipment();
      const raw = picked(shipmentId);
      const at = (seconds: number) => ({
        ...signedHeaders(raw, { now: new Date(Date.now() + seconds * 1_000) }),
      });
      for (const seconds of [-330, 330])
        expect(await send(raw, at(seconds))).toMatchObject(refused('SIGNATURE_EXPIRED'));
      // Moving the time of an old message needs the secret.
      const moved = { ...at(-330), 'webhook-timestamp': signedHeaders(raw)['webhook-timestamp'] };
      expect(await send(raw, moved)).toMatchObject(refused('SIGNATURE_INVALID'));
      expect(await statusOf(shipmentId)).toBe('booked');
      expect(await send(raw, at(-270))).toMatchObject({ status: 200 });
    });

    it('of the old or the new secret while it is changed', async () => {
      const { shipmentId } = await bookedShipment();
      const both = { CARRIER_WEBHOOK_SECRETS: `sandbox=${CARRIER_SECRET},sandbox=${OTHER}` };
      const changing = await openTestApi({ shop: test, env: both });
      try {
        for (const secret of [CARRIER_SECRET, OTHER]) {
          const raw = picked(shipmentId);
          expect(await send(raw, { ...signedHeaders(raw, { secret }) }, changing)).toMatchObject({
            status: 200,
          });
        }
      } finally {
        await changing.close();
      }
    });

    it('unless a setting allows a carrier that has no secret to send others', async () => {
      const { shipmentId } = await bookedShipment();
      const closed = await openTestApi({ shop: test, env: { CARRIER_WEBHOOK_SECRETS: '' } });
      const open = await openTestApi({
        shop: test,
        env: { CARRIER_WEBHOOK_SECRETS: '', CARRIER_UPDATES_UNSIGNED: 'allow' },
      });
      const both = await openTestApi({ shop: test, env: { CARRIER_UPDATES_UNSIGNED: 'allow' } });
      try {
        const raw = picked(shipmentId);
        expect(await send(raw, {}, closed)).toMatchObject(refused('SIGNATURE_MISSING'));
        expect(await send(raw, { ...signedHeaders(raw) }, closed)).toMatchObject(
          refused('SIGNATURE_INVALID'),
        );
        expect(await send(raw, {}, both)).toMatchObject(refused('SIGNATURE_MISSING'));
        expect(await send(raw, {}, open)).toMatchObject({ status: 200 });
      } finally {
        await Promise.all([closed.close(), open.close(), both.close()]);
      }
    });
  });
});
