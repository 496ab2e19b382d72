import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { callStock, receiptOf as receipt } from './stock-support';
import { callApi, order } from './support';

let stack: Stack;
beforeAll(async () => {
  // Parcels leave when the tests say so.
  stack = await startStack({ api: true, settings: { SANDBOX_CARRIER_DELAY_MS: 3_600_000 } });
  for (const sku of ['MILK', 'PHONE', 'LAMP']) await addStock(stack.db, sku, 'AMS', 0);
  await addStock(stack.db, 'PHONE', 'BER', 0);
  await call('PUT', '/products/MILK/tracking', { lots: true, serials: false });
  await call('PUT', '/products/PHONE/tracking', { lots: false, serials: true });
  const lot = (code: string, expiresOn: string) => ({ sku: 'MILK', quantity: 9, lot: { code, expiresOn } });
  await call('POST', '/receipts', receipt([lot('M-1', '2098-01-31'), lot('M-2', '2099-01-31')]));
  const serials = Array.from({ length: 20 }, (_, n) => `P-${n + 1}`);
  await call('POST', '/receipts', receipt([{ sku: 'PHONE', quantity: 20, serials }]));
});
afterEach(() => expectInvariants(stack.db));
afterAll(() => stack.stop());

const call = (method: string, path: string, body?: unknown, key?: string) =>
  callStock(stack.url, method, path, body, key);

interface ShippedBody {
  id: string;
  shipments: { id: string; status: string }[];
}

/** The parcel of a paid order, which has not left. */
async function parcelOf(sku: string, quantity: number): Promise<string> {
  const placed = await call(
    'POST',
    '/orders',
    order(sku, quantity, { payment: { method: 'card', token: 'tok_ok' } }),
  );
  const read = async () => (await call('GET', `/orders/${placed.body.id}`)).body as unknown as ShippedBody;
  await waitFor(async () => (await read()).shipments[0]?.status === 'booked');
  return (await read()).shipments[0]?.id ?? '';
}

async function leaves(shipmentId: string): Promise<void> {
  const events = [{ eventId: newId(), shipmentId, type: 'picked_up' }];
  const base = stack.url.replace('/api/v1', '');
  const options = { signed: true, body: { events } };
  expect((await callApi(base, 'POST', '/carriers/sandbox/events', options)).status).toBe(200);
}

const serialOf = async (serial: string) =>
  (await call('GET', `/serials/${serial}`)).body.items[0] as unknown as {
    status: string;
    warehouse: string;
    movements: { kind: string; named: boolean }[];
  };

describe('a parcel', () => {
  it('leaves with the numbers that were packed, and may be corrected afterwards', async () => {
    const id = await parcelOf('PHONE', 2);
    const at = `/shipments/${id}/units`;
    expect((await call('GET', at)).body).toMatchObject({
      shipmentId: id,
      warehouse: 'AMS',
      status: 'booked',
      items: [{ sku: 'PHONE', quantity: 2, serials: [], lots: [] }],
    });
    const packed = { items: [{ sku: 'PHONE', serials: ['P-7', 'P-8'] }] };
    for (let n = 0; n < 2; n++)
      expect(await call('PUT', at, packed)).toMatchObject({
        status: 200,
        body: { items: [{ serials: [{ serial: 'P-7' }, { serial: 'P-8' }] }] },
      });
    await leaves(id);
    expect(await serialOf('P-7')).toMatchObject({
      status: 'shipped',
      movements: [{ kind: 'receipt' }, { kind: 'ship', named: true }],
    });
    expect(
      (await call('PUT', at, { items: [{ sku: 'PHONE', serials: ['P-7', 'P-9'] }] })).body,
    ).toMatchObject({
      status: 'picked_up',
      items: [{ serials: [{ serial: 'P-9' }, { serial: 'P-7' }] }],
    });
    expect(await serialOf('P-8')).toMatchObject({ status: 'in_stock' });
    expect((await call('PUT', at, { items: [{ sku: 'PHONE', serials: ['NONE'] }] })).body).toMatchObject({
      status: 409,
      code: 'SERIAL_NOT_THERE',
      serials: ['NONE'],
    });
  });

  it('leaves with the lots that were packed', async () => {
    const id = await parcelOf('MILK', 3);
    const named = { items: [{ sku: 'MILK', lots: [{ code: 'M-2', quantity: 3 }] }] };
    expect((await call('PUT', `/shipments/${id}/units`, named)).status).toBe(200);
    await leaves(id);
    expect((await call('GET', '/inventory/MILK/lots')).body.items).toMatchObject([
      { code: 'M-1', quantity: 9 },
      { code: 'M-2', quantity: 6 },
    ]);
  });

  it('is refused what breaks a rule', async () => {
    const id = await parcelOf('PHONE', 1);
    const put = (body: unknown, of = id) => call('PUT', `/shipments/${of}/units`, body);
    const lot = { code: 'M-1', quantity: 1 };
    for (const body of [
      undefined,
      {},
      { items: {} },
      { items: [{ serials: [] }] },
      { items: [{ sku: 'PHONE' }, { sku: 'PHONE' }] },
      { items: [{ sku: 'PHONE', serials: 'P-1' }] },
      { items: [{ sku: 'PHONE', serials: [''] }] },
      { items: [{ sku: 'PHONE', serials: [7] }] },
      { items: [{ sku: 'PHONE', serials: ['P-1', 'P-1'] }] },
      { items: [{ sku: 'PHONE', lots: [lot, lot] }] },
      { items: [{ sku: 'PHONE', lots: [{ code: 'M-1' }] }] },
      { items: [{ sku: 'PHONE', lots: [{ code: 'M-1', quantity: 0 }] }] },
      { items: [{ sku: 'PHONE', lots: [{ code: 'M-1', quantity: 1.5 }] }] },
    ])
      expect(await put(body)).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    expect((await put({ items: [{ sku: 'PHONE', serials: ['P-1', 'P-2'] }] })).body.code).toBe(
      'TOO_MANY_UNITS_NAMED',
    );
    expect((await put({ items: [{ sku: 'PHONE', lots: [lot] }] })).body.code).toBe('NOT_TRACKED');
    expect((await put({ items: [{ sku: 'MILK', lots: [lot] }] })).body.code).toBe('NOT_IN_PARCEL');
    expect((await put({ items: [] }, newId())).status).toBe(404);
    expect((await call('GET', `/shipments/${newId()}/units`)).status).toBe(404);
    expect((await call('GET', '/shipments/1/units')).status).toBe(404);
  });
});

describe('units that are named', () => {
  it('leave with a reservation', async () => {
    const held = await call('POST', '/inventory/PHONE/reserve', { quantity: 1, location: 'AMS' });
    const at = `/reservations/${held.body.id}`;
    await call('POST', `${at}/confirm`);
    expect(
      (await call('POST', `${at}/ship`, { items: [{ sku: 'LAMP', serials: ['P-15'] }] })).body.code,
    ).toBe('NOT_IN_PARCEL');
    expect((await call('POST', `${at}/ship`, { items: 'all' })).status).toBe(422);
    const body = { items: [{ sku: 'PHONE', serials: ['P-15'] }] };
    for (let n = 0; n < 2; n++)
      expect(await call('POST', `${at}/ship`, body)).toMatchObject({
        status: 200,
        body: { status: 'shipped' },
      });
    expect(await serialOf('P-15')).toMatchObject({ status: 'shipped' });
  });

  it('go with a transfer', async () => {
    const body = { sku: 'PHONE', from: 'AMS', to: 'BER', quantity: 1, mode: 'immediate', serials: ['P-16'] };
    const key = newId();
    const made = await call('POST', '/inventory/transfer', body, key);
    expect(made.status).toBe(200);
    expect((await call('POST', '/inventory/transfer', body, key)).body).toEqual(made.body);
    expect(await serialOf('P-16')).toMatchObject({ status: 'in_stock', warehouse: 'BER' });
    expect(await call('POST', '/inventory/transfer', body)).toMatchObject({
      status: 409,
      body: { code: 'SERIAL_NOT_THERE' },
    });
  });

  it('are found and missed by corrections', async () => {
    const adjust = (body: object) =>
      call('POST', '/inventory/PHONE/adjust', { location: 'AMS', reason: 'count', ...body });
    expect((await adjust({ delta: -1, serials: ['P-17'] })).status).toBe(200);
    expect(await serialOf('P-17')).toMatchObject({ status: 'removed' });
    expect((await adjust({ delta: 2, serials: ['P-17', 'FOUND-1'] })).status).toBe(200);
    expect(await serialOf('FOUND-1')).toMatchObject({ status: 'in_stock' });
    expect(await adjust({ delta: 1, serials: ['FOUND-1'] })).toMatchObject({
      status: 409,
      body: { code: 'DUPLICATE_SERIAL' },
    });
    expect((await adjust({ delta: 1, serials: [''] })).status).toBe(422);
    expect((await adjust({ delta: 1, lots: [{ code: 'L', quantity: 1, expiresOn: 'soon' }] })).status).toBe(
      422,
    );
    expect((await adjust({ delta: 1, lots: [{ code: 'L', quantity: 1 }] })).body.code).toBe('NOT_TRACKED');
  });

  it('are written off a quality hold', async () => {
    const held = await call('POST', '/inventory/PHONE/quality-hold', {
      location: 'AMS',
      quantity: 1,
      reason: 'dented',
    });
    const at = `/quality-holds/${held.body.id}/write-off`;
    expect((await call('POST', at, { serials: ['P-18', 'P-19'] })).body.code).toBe('TOO_MANY_UNITS_NAMED');
    expect((await call('POST', at, { serials: 'P-18' })).status).toBe(422);
    expect((await call('POST', at, { serials: ['P-18'] })).body).toMatchObject({ writtenOff: 1 });
    expect(await serialOf('P-18')).toMatchObject({ status: 'written_off' });
  });

  it('come back with a return', async () => {
    const id = await parcelOf('PHONE', 2);
    await call('PUT', `/shipments/${id}/units`, { items: [{ sku: 'PHONE', serials: ['P-11', 'P-12'] }] });
    await leaves(id);
    const { orderId } = (await call('GET', `/shipments/${id}/units`)).body as unknown as { orderId: string };
    const items = [{ sku: 'PHONE', quantity: 2, reason: 'wrong colour' }];
    const { id: returnId } = (await call('POST', '/returns', { orderId, items })).body;
    await call('POST', `/returns/${returnId}/receive`, {
      location: 'AMS',
      items: [{ sku: 'PHONE', quantity: 2 }],
    });
    const inspect = (result: object) =>
      call('POST', `/returns/${returnId}/inspect`, { results: [{ sku: 'PHONE', ...result }] });
    for (const result of [
      { restock: 1, serials: ['P-11', 'P-12'] },
      { restock: 1, writeOff: 1, serials: ['P-11'], writeOffSerials: ['P-11'] },
      { restock: 1, writeOffSerials: ['P-11'] },
    ])
      expect(await inspect(result)).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    expect(await inspect({ restock: 1, serials: ['P-1'] })).toMatchObject({
      status: 409,
      body: { code: 'SERIAL_NOT_THERE' },
    });
    expect((await inspect({ restock: 1, writeOff: 1, writeOffSerials: ['P-11'] })).status).toBe(200);
    expect(await serialOf('P-11')).toMatchObject({ status: 'written_off' });
    expect(await serialOf('P-12')).toMatchObject({ status: 'in_stock' });
  });
});
