import { randomBytes } from 'node:crypto';
import { Registry } from 'prom-client';
import { newId } from '../../platform/ids';
import { createObservability, type Observability } from '../../platform/observability';
import { openTracer } from '../../platform/telemetry/open-telemetry';
import { signUp } from '../api/people-api';
import { openStackApi, type StackApi } from '../api/stack-api';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { openOtlpReceiver, pathOf, type OtlpReceiver } from './otlp-receiver';

const ORDERS = 'POST /api/v1/orders';

let receiver: OtlpReceiver;
let observability: Observability;
let test_: StackApi;
beforeAll(async () => {
  // Read by OpenTelemetry's SDK: spans are sent at once and not every five seconds.
  process.env['OTEL_BSP_SCHEDULE_DELAY'] = '100';
  receiver = await openOtlpReceiver();
  const registry = new Registry();
  // Both formats say the same: `otlp.test.ts`.
  const tracer = await openTracer(
    { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' },
    { service: 'holdfast-test', version: '0', registry, log: testLogger() },
  );
  observability = createObservability({ registry, tracer });
  test_ = await openStackApi({
    observability,
    settings: { SIGNING_KEYS_SECRET: randomBytes(32).toString('base64') },
  });
});
afterAll(async () => {
  await expectInvariants(test_.stack.db);
  await test_.stack.stop();
  await observability.close();
  await receiver.close();
});

test('one trace leads from a request, which continues its caller’s, to the statements of the order and of what the outbox carries on', async () => {
  const sku = await test_.newSku(5);
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  const placed = await test_.call('POST', '/orders', {
    body: {
      customerId: 'c-1',
      items: [{ sku, quantity: 1 }],
      payment: { method: 'card', token: 'tok_ok' },
    },
    headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
  });
  expect(placed.status).toBe(201);
  expect(placed.headers.get('traceparent')).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));

  const has = (name: string) => (spans: { name: string }[]) => spans.some((span) => span.name === name);
  const spans = await receiver.traceWith(
    traceId,
    (all) => has('workflow orderSaga')(all) && has(ORDERS)(all) && has('deliver shipments.ready')(all),
  );
  const paths = spans.map((span) => pathOf(span, spans).join(' > '));
  expect(paths).toContain(
    `${ORDERS} > start orderSaga > workflow orderSaga > activity reserveOrder > batch orders > ledger.insert_reservations`,
  );
  const booked = paths.filter((path) => path.includes('deliver shipments.ready'));
  expect(
    booked.some((path) => path.startsWith(`${ORDERS} > start orderSaga > workflow orderSaga > activity `)),
  ).toBe(true);
  expect(spans.find(({ name }) => name === ORDERS)?.parentSpanId).toBe('00f067aa0ba902b7');
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
});

test('events of an order, of its stock and of the catalogue have the trace of the request that led to them', async () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
  const before = (await test_.call('GET', '/events?limit=1')).body as unknown as { newest: number };
  const sku = `TRACED-${newId().slice(-6)}`;
  const product = { sku, name: 'Traced', priceMinor: 100, currency: 'USD' };
  expect((await test_.call('POST', '/products', { body: product, headers })).status).toBe(201);
  const stocked = await test_.call('POST', `/inventory/${sku}/adjust`, {
    body: { location: 'AMS', delta: 3, reason: 'found' },
    headers: { ...headers, 'idempotency-key': newId() },
  });
  expect(stocked.status).toBe(200);
  const body = {
    customerId: 'c-1',
    items: [{ sku, quantity: 1 }],
    payment: { method: 'card', token: 'tok_ok' },
  };
  const placed = await test_.call('POST', '/orders', { body, headers });
  expect(placed.status).toBe(201);
  const wanted = ['product.added', 'stock.adjust', 'stock.reserve', 'order.placed', 'payment.captured'];
  const traced = async () => {
    const { body: page } = await test_.call(
      'GET',
      `/events?after=${before.newest}&types=${wanted.join(',')}&limit=100`,
    );
    const items = page.items as unknown as { type: string; trace: string | null }[];
    return new Set(items.flatMap(({ type, trace }) => (trace?.includes(traceId) ? [type] : [])));
  };
  await waitFor(async () => (await traced()).size === wanted.length);
});

test('a round of a workflow that always runs is a trace of its own, which the rows that it writes carry', async () => {
  const traceId = '6e0c63257de34c92bf9efcd03927272e';
  const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, 'idempotency-key': newId() };
  const sku = await test_.newSku(1);
  const { newest } = (await test_.call('GET', '/events?limit=1')).body as unknown as { newest: number };
  const body = { quantity: 1, holdSeconds: 1 };
  expect((await test_.call('POST', `/inventory/${sku}/reserve`, { body, headers })).status).toBe(201);
  const expired = async () => {
    const { body: page } = await test_.call('GET', `/events?after=${newest}&types=stock.expire&limit=100`);
    const items = page.items as unknown as { subject: { id: string }; trace: string | null }[];
    return items.find(({ subject }) => subject.id === sku);
  };
  await waitFor(async () => (await expired()) !== undefined);
  const [, own = ''] = ((await expired())?.trace ?? '').split('-');
  expect(own).toMatch(/^[0-9a-f]{32}$/);
  expect(own).not.toBe(traceId);
  const round = 'activity expireDueReservations';
  const spans = await receiver.traceWith(own, (all) => all.some(({ name }) => name === round));
  const paths = spans.map((span) => pathOf(span, spans).join(' > '));
  expect(paths).toContain(`${round} > reservations.set_expired`);
  const top = spans.find(({ name }) => name === round);
  expect(top?.parentSpanId ?? '').toBe('');
  expect(top?.attributes).toContainEqual({
    key: 'workflowId',
    value: { stringValue: test_.stack.names.reservationExpiryWorkflowId },
  });
});

test('a collector that does not respond holds no order up', async () => {
  const release = receiver.hold();
  try {
    const sku = await test_.newSku(1);
    const asked = receiver.types.length;
    const placed = await test_.place({
      customerId: 'c-1',
      items: [{ sku, quantity: 1 }],
      payment: { method: 'card', token: 'tok_ok' },
    });
    expect(placed.status).toBe(201);
    await waitFor(async () => (await test_.status(placed.body.id)) === 'fulfilled');
    // It was asked, and still has not responded.
    await waitFor(() => receiver.types.length > asked);
  } finally {
    release();
  }
});

test('a span says nothing of what a statement was about, and of a request only its template', async () => {
  const sku = await test_.newSku(1);
  const traceId = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
  const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
  await test_.call('GET', `/inventory/${sku}?secret=hunter2`, { headers });
  await test_.call('POST', `/inventory/${sku}/adjust`, {
    headers: { ...headers, 'idempotency-key': 'once' },
    body: { location: 'AMS', delta: 1, reason: 'hunter2' },
  });
  const spans = await receiver.traceWith(traceId, (all) => all.filter(({ kind }) => kind === 2).length === 2);
  expect(spans.length).toBeGreaterThan(2);
  expect(JSON.stringify(spans)).not.toContain('hunter2');
  expect(JSON.stringify(spans)).not.toContain(sku);
});

test('what a caller does not want recorded is not recorded, nor is what nobody has asked for', async () => {
  const traceId = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb';
  await test_.call('GET', '/warehouses', { headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-00` } });
  const later = 'cccccccccccccccccccccccccccccccc';
  await test_.call('GET', '/warehouses', { headers: { traceparent: `00-${later}-00f067aa0ba902b7-01` } });
  await receiver.traceWith(later, (all) => all.some(({ kind }) => kind === 2));
  expect(receiver.spans.filter((span) => span.traceId === traceId)).toEqual([]);
  // The relay looks for messages all the time.
  expect(receiver.spans.filter(({ name }) => name === 'outbox.claim')).toEqual([]);
});

test('a traceparent of strangers, of keys that are made up and of customers is a link of a trace of our own', async () => {
  const address = test_.stack.url;
  const madeUp = `hf_live_${newId().replaceAll('-', '')}_${'A'.repeat(43)}`;
  const { accessToken: customer } = await signUp(test_);
  for (const [digit, path, status, headers] of [
    ['d', '/warehouses', 401, {}],
    ['e', '/warehouses', 401, { 'x-api-key': 'hf_pub_unknown' }],
    ['1', '/warehouses', 401, { 'x-api-key': madeUp }],
    ['2', '/warehouses', 401, { authorization: 'Bearer eyJhbGciOiJFZERTQSJ9.e30.AA' }],
    ['3', '/nothing', 404, { 'x-api-key': madeUp }],
    ['4', '/orders', 200, { authorization: `Bearer ${customer}` }],
  ] as const) {
    const traceId = digit.repeat(32);
    // The flag: it is to be recorded. Of these it decides nothing, whatever it says.
    for (const flag of ['00', '01']) {
      const response = await fetch(`${address}${path}`, {
        headers: { ...headers, traceparent: `00-${traceId}-00f067aa0ba902b7-${flag}` },
      });
      expect([path, response.status]).toEqual([path, status]);
      const own = response.headers.get('traceparent')?.split('-')[1] ?? '';
      expect(own).toMatch(/^[0-9a-f]{32}$/);
      expect(own).not.toBe(traceId);
      const spans = await receiver.traceWith(own, (all) => all.some(({ kind }) => kind === 2));
      expect(spans.length).toBeGreaterThan(0);
    }
    expect(receiver.spans.filter((span) => span.traceId === traceId)).toEqual([]);
  }
});
