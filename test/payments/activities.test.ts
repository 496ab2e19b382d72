import { setTimeout as delay } from 'node:timers/promises';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createPaymentActivities, type PaymentActivities } from '../../activities/payments';
import { onlyGateway } from '../../integrations/gateways';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import type { OrderProgress } from '../../domain/ordering/types';
import type { ClosableGateway } from '../../domain/payments/gateway';
import { newId } from '../../platform/ids';
import { CHARGE_TERMS, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { hangingGateway } from '../workflows/gateway';
import { readPayment, readSandboxBooks } from './orders';
import { insertChargingOrder, insertPaidOrder, plan, readRefund } from './paid-order';

const SLOW_MS = 1_300;
const ASK = { firstRetrySeconds: 0.5, unknownLimitSeconds: 3_600 };

/** Longer than any test takes. */
const LONG_MS = 600_000;

let shop: TestShop;
let gateway: ClosableGateway;
/** Its slow charges settle when the test says so. */
let slowGateway: ClosableGateway;
let activities: PaymentActivities;

beforeAll(async () => {
  shop = await openTestShop();
  gateway = createSandboxGateway({
    url: shop.url,
    log: testLogger(),
    callTimeoutMs: 5_000,
    slowMs: SLOW_MS,
  });
  slowGateway = createSandboxGateway({
    url: shop.url,
    log: testLogger(),
    callTimeoutMs: LONG_MS,
    slowMs: LONG_MS,
  });
  activities = createPaymentActivities(deps());
});
afterEach(() => expectInvariants(shop.db));
afterAll(async () => {
  await gateway.close();
  await slowGateway.close();
  await shop.close();
});

const deps = (from = gateway) => ({
  db: shop.db,
  gatewayNamed: onlyGateway(from).named,
  carrier: 'sandbox',
  ...CHARGE_TERMS,
});
const charging = (token = 'tok_ok') => insertChargingOrder(shop.db, { token });
type Charging = Awaited<ReturnType<typeof charging>>;

test.each(['askGateway', 'askGatewayBriefly'] as const)(
  '%s about a charge returns the same twice and charges once',
  async (name) => {
    const order = await charging();
    const first = await charge(order, { name });
    expect(first).toMatchObject({ status: 'paid', asks: [] });
    expect(timeless(await charge(order, { name }))).toEqual(timeless(first));
    expect((await readSandboxBooks(shop.db, [order.paymentId])).charges).toHaveLength(1);
  },
);

test.each(['askGateway', 'askGatewayBriefly'] as const)(
  '%s about a refund returns the same twice and refunds once',
  async (name) => {
    const order = await insertPaidOrder(shop.db, gateway);
    const [refundId = ''] = await plan(shop.db, order);
    const about = { kind: 'refund', id: refundId } as const;
    const first = await run(name, { orderId: order.orderId, ask: about });
    expect(timeless(await run(name, { orderId: order.orderId, ask: about }))).toEqual(timeless(first));
    expect(await readRefund(shop.db, refundId)).toMatchObject({ status: 'succeeded' });
    expect((await readSandboxBooks(shop.db, [order.paymentId])).refundedMinor).toBe(order.amountMinor);
  },
);

test('a gateway without a response is no failure: the row is due again and says why', async () => {
  const order = await charging('tok_flaky');
  const progress = await charge(order);
  expect(progress.asks).toMatchObject([{ kind: 'charge', id: order.paymentId, tries: 1 }]);
  expect(await readPayment(shop.db, order.paymentId)).toMatchObject({ status: 'unknown' });
});

test('an order that does not exist is a failure that no retry can mend', async () => {
  await expect(charge({ ...(await charging()), orderId: newId() })).rejects.toMatchObject({
    type: 'ORDER_NOT_FOUND',
    nonRetryable: true,
  });
});

test('a slow charge sends heartbeats while it waits', async () => {
  const environment = activityEnvironment();
  let beats = 0;
  environment.on('heartbeat', () => (beats += 1));
  expect(await charge(await charging('tok_slow'), { environment })).toMatchObject({ status: 'paid' });
  expect(beats).toBeGreaterThanOrEqual(1);
});

/** The gateway has charged the card, slow as it is. */
const settled = ({ paymentId }: Charging) =>
  shop.db.pool.query(
    'update sandbox_gateway.charges set settles_at = clock_timestamp() where idempotency_key = $1',
    [paymentId],
  );

test('a brief ask of a slow gateway ends in time, and what became of the charge is found later', async () => {
  const order = await charging('tok_slow');
  const asked = charge(order, { name: 'askGatewayBriefly', from: slowGateway });
  expect(await asked).toMatchObject({ status: 'reserved', asks: [{ tries: 1 }] });
  expect(await readPayment(shop.db, order.paymentId)).toMatchObject({ status: 'pending' });
  await settled(order);
  await waitFor(async () => (await charge(order)).status === 'paid');
  expect((await readSandboxBooks(shop.db, [order.paymentId])).charges).toHaveLength(1);
});

test('more brief asks at once than run wait for their turn, and more than may wait are refused', async () => {
  const order = await charging();
  const hanging = hangingGateway();
  hanging.hang();
  const few = createPaymentActivities({ ...deps(hanging.over(gateway)), briefCalls: 2 });
  const ask = () =>
    activityEnvironment().run(few.askGatewayBriefly, {
      orderId: order.orderId,
      ask: { kind: 'charge' as const, id: order.paymentId },
      ...ASK,
    });
  const asked = Array.from({ length: 5 }, ask);
  const ended = await Promise.race(asked.map((one) => one.catch((error: unknown) => error)));
  expect(ended).toMatchObject({ type: 'GATEWAY_BUSY', nonRetryable: false });
  hanging.release();
  const results = await Promise.allSettled(asked);
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
  await waitFor(async () => (await charge(order)).status === 'paid');
  expect((await readSandboxBooks(shop.db, [order.paymentId])).charges).toHaveLength(1);
});

test('a brief ask that has waited too long for its turn is refused, and its charge is not asked about', async () => {
  const waiting = await charging();
  let release = () => {};
  const hangs = new Promise<void>((resolve) => (release = resolve));
  const one = createPaymentActivities({
    ...deps(),
    db: { ...shop.db, retrying: (work) => hangs.then(() => shop.db.retrying(work)) },
    briefCalls: 1,
  });
  const ask = ({ orderId, paymentId }: Charging) =>
    activityEnvironment().run(one.askGatewayBriefly, {
      orderId,
      ask: { kind: 'charge' as const, id: paymentId },
      ...ASK,
    });
  const before = await charging();
  const first = ask(before);
  const refused = ask(waiting).catch((error: unknown) => error);
  await delay(2_100);
  release();
  expect(await refused).toMatchObject({ type: 'GATEWAY_BUSY' });
  expect(await first).toMatchObject({ status: 'paid' });
  expect((await readSandboxBooks(shop.db, [waiting.paymentId])).charges).toHaveLength(0);
  expect(await charge(waiting)).toMatchObject({ status: 'paid' });
});

test('a cancelled ask ends at once, and what became of the charge is found later', async () => {
  const order = await charging('tok_slow');
  const environment = activityEnvironment();
  const running = charge(order, { environment, from: slowGateway });
  environment.cancel();
  await expect(running).rejects.toMatchObject({ name: 'CancelledFailure' });
  await settled(order);
  await waitFor(async () => (await charge(order)).status === 'paid');
  expect((await readSandboxBooks(shop.db, [order.paymentId])).charges).toHaveLength(1);
});

/** Without what changes by itself. */
function timeless(progress: OrderProgress): OrderProgress {
  return { ...progress, reservations: progress.reservations.map((one) => ({ ...one, msLeft: 0 })) };
}

type Name = keyof PaymentActivities;
type Request = Omit<Parameters<PaymentActivities['askGateway']>[0], keyof typeof ASK>;

function charge(
  { orderId, paymentId }: Charging,
  {
    name = 'askGateway',
    environment = activityEnvironment(),
    from,
  }: { name?: Name; environment?: MockActivityEnvironment; from?: ClosableGateway } = {},
): Promise<OrderProgress> {
  const by = from ? createPaymentActivities(deps(from)) : activities;
  return run(name, { orderId, ask: { kind: 'charge', id: paymentId } }, environment, by);
}

function run(
  name: Name,
  request: Request,
  environment = activityEnvironment(),
  by = activities,
): Promise<OrderProgress> {
  return environment.run((input: Request) => by[name]({ ...input, ...ASK }), request);
}

function activityEnvironment(): MockActivityEnvironment {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
}
