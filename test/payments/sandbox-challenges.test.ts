import { sandboxGatewayEntry } from '../../integrations/sandbox-gateway/entry';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { answerPage, readChallenge } from '../../integrations/sandbox-gateway/challenges';
import type { ChargeRequest, ClosableGateway } from '../../domain/payments/gateway';
import { readSettings } from '../../platform/config';
import { openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { CAPTURED_NOW } from './charge-terms';
import { insertOrder, insertPayment } from './orders';

const log = testLogger();
let shop: TestShop;
const opened = new Set<ClosableGateway>();

async function close(gateway: ClosableGateway): Promise<void> {
  opened.delete(gateway);
  await gateway.close();
}

/** @param slowMs after which a customer authenticates by itself */
function open(slowMs: number): ClosableGateway {
  const gateway = createSandboxGateway({
    url: shop.url,
    log,
    callTimeoutMs: 5_000,
    slowMs,
    pagesUrl: 'https://pay.example/holdfast/',
  });
  opened.add(gateway);
  return gateway;
}

beforeAll(async () => {
  shop = await openTestShop();
});
afterEach(async () => {
  await Promise.all([...opened].map(close));
});
afterAll(async () => {
  await expectInvariants(shop.db);
  await shop.close();
});

/** A charge of a payment of ours, which is asked about again tomorrow. */
async function payment(changes: Partial<ChargeRequest> = {}): Promise<ChargeRequest> {
  const { orderId, reservationId } = await insertOrder(shop.db);
  const token = changes.token ?? 'tok_3ds';
  const paymentId = await insertPayment(shop.db, { orderId, reservationId }, { token });
  await shop.db.pool.query(
    `update payments set next_try_at = clock_timestamp() + interval '1 day' where id = $1`,
    [paymentId],
  );
  const terms = { ...CAPTURED_NOW, gatewayRef: null, method: 'card', currency: 'USD', amountMinor: 5_000 };
  return { ...terms, paymentId, orderId, token, ...changes };
}

async function waits(gateway: ClosableGateway, charge: ChargeRequest): Promise<string> {
  const outcome = await gateway.charge(charge);
  if (outcome.status !== 'requires_action') throw new Error(`it was ${outcome.status}`);
  return outcome.gatewayRef;
}

/** What Holdfast was told: the payment is due, and its order's saga is woken so often. */
async function told({ paymentId, orderId }: ChargeRequest) {
  const { rows } = await shop.db.pool.query<{ due: boolean; wakes: number }>(
    `select next_try_at is null as due,
       (select count(*)::int from outbox where topic = 'order.wake' and key = $2) as wakes
     from payments where id = $1`,
    [paymentId, orderId],
  );
  return rows[0];
}

const pages = () => ({ tables: shop.db, log });
const NOBODY_THERE = { status: 'declined', declineCode: 'authentication_required' };

test('a charge of tok_3ds names the page, is captured when its customer has authenticated, and Holdfast is told once', async () => {
  const gateway = open(300);
  const charge = await payment();
  const ref = await waits(gateway, charge);
  const nextAction = { type: 'redirect', url: `https://pay.example/holdfast/sandbox/3ds/${ref}` };
  expect(await gateway.find(charge)).toEqual({ status: 'requires_action', gatewayRef: ref, nextAction });
  await waitFor(async () => (await told(charge))?.due);
  for (let n = 0; n < 2; n++)
    expect(await gateway.find(charge)).toEqual({ status: 'captured', gatewayRef: ref });
  expect(await gateway.charge(charge)).toEqual({ status: 'captured', gatewayRef: ref });
  expect(await told(charge)).toEqual({ due: true, wakes: 1 });
});

test('a charge that is captured apart is authorised instead, and holds as long as any other from then on', async () => {
  const gateway = open(60_000);
  const charge = await payment({ captureLater: true });
  const ref = await waits(gateway, charge);
  await shop.db.pool.query(
    `update sandbox_gateway.charges set created_at = created_at - interval '1 day',
       capture_before = capture_before - interval '1 day' where ref = $1`,
    [ref],
  );
  await answerPage(pages(), ref, 'authenticate');
  const outcome = await gateway.find(charge);
  expect(outcome).toMatchObject({ status: 'authorized', gatewayRef: ref, multicapture: true });
  expect(await gateway.find(charge)).toEqual(outcome);
  const { rows } = await shop.db.pool.query<{ seconds: number }>(
    `select extract(epoch from capture_before - acts_at)::int as seconds from sandbox_gateway.charges where ref = $1`,
    [ref],
  );
  expect(rows[0]?.seconds).toBe(604_800);
});

test.each([
  ['authenticate', { status: 'captured' }],
  ['refuse', { status: 'declined', declineCode: 'authentication_failed' }],
] as const)(
  'a customer who says %s on the page ends the charge at once, whatever is said later',
  async (answer, end) => {
    const gateway = open(60_000);
    const charge = await payment({ token: 'tok_3ds_abandoned' });
    const ref = await waits(gateway, charge);
    expect(await readChallenge(pages(), ref)).toMatchObject({ status: 'requires_action' });
    expect(await told(charge)).toEqual({ due: false, wakes: 0 });
    for (let n = 0; n < 2; n++) expect(await answerPage(pages(), ref, answer)).toMatchObject(end);
    const other = answer === 'refuse' ? 'authenticate' : 'refuse';
    expect(await answerPage(pages(), ref, other)).toMatchObject(end);
    expect(await gateway.find(charge)).toMatchObject(end);
    expect(await gateway.abandon(charge)).toMatchObject(end);
    expect(await told(charge)).toEqual({ due: true, wakes: 1 });
  },
);

test('a charge of tok_3ds_abandoned waits until it is abandoned, and then for nobody', async () => {
  const gateway = open(1);
  const charge = await payment({ token: 'tok_3ds_abandoned', captureLater: true });
  const ref = await waits(gateway, charge);
  expect(await gateway.find(charge)).toMatchObject({ status: 'requires_action' });
  const abandoned = { status: 'declined', gatewayRef: ref, declineCode: 'abandoned' };
  for (let n = 0; n < 2; n++) expect(await gateway.abandon(charge)).toEqual(abandoned);
  await answerPage(pages(), ref, 'authenticate');
  expect(await gateway.find(charge)).toEqual(abandoned);
  expect(await told(charge)).toEqual({ due: false, wakes: 0 });
});

test('a charge whose customer was faster is not abandoned', async () => {
  const gateway = open(60_000);
  const charge = await payment();
  const ref = await waits(gateway, charge);
  await shop.db.pool.query('update sandbox_gateway.charges set acts_at = clock_timestamp() where ref = $1', [
    ref,
  ]);
  for (let n = 0; n < 2; n++)
    expect(await gateway.abandon(charge)).toEqual({ status: 'captured', gatewayRef: ref });
});

test('a charge that is abandoned before its customer acts is never authenticated', async () => {
  const gateway = open(200);
  const charge = await payment();
  const ref = await waits(gateway, charge);
  await gateway.abandon(charge);
  const later = await payment();
  await waits(gateway, later);
  // Its customer acts after the other would have.
  await waitFor(async () => (await told(later))?.due);
  expect(await gateway.find(charge)).toMatchObject({ status: 'declined', declineCode: 'abandoned' });
  expect(await readChallenge(pages(), ref)).toMatchObject({ status: 'declined' });
  expect(await told(charge)).toEqual({ due: false, wakes: 0 });
});

test('what a customer has done that a process did not tell before it ended is told by the next', async () => {
  const first = open(60_000);
  const charge = await payment();
  const ref = await waits(first, charge);
  await close(first);
  await shop.db.pool.query('update sandbox_gateway.charges set acts_at = clock_timestamp() where ref = $1', [
    ref,
  ]);
  const next = open(60_000);
  await next.find(await payment());
  await waitFor(async () => (await told(charge))?.due);
  expect(await next.find(charge)).toMatchObject({ status: 'captured' });
});

test('what a customer has said on a page that could not tell it is told by whoever looks next', async () => {
  const gateway = open(60_000);
  const looks: ((ref: string, charge: ChargeRequest) => Promise<unknown>)[] = [
    (ref) => readChallenge(pages(), ref),
    (_ref, charge) => gateway.find(charge),
  ];
  for (const look of looks) {
    const charge = await payment({ token: 'tok_3ds_abandoned' });
    const ref = await waits(gateway, charge);
    await shop.db.pool.query(
      `update sandbox_gateway.charges set status = 'captured', captured_minor = amount_minor, acts_at = clock_timestamp()
       where ref = $1`,
      [ref],
    );
    await look(ref, charge);
    await waitFor(async () => (await told(charge))?.due);
    expect(await told(charge)).toEqual({ due: true, wakes: 1 });
  }
});

test.each([
  [{ PORT: '8123' }, 'http://127.0.0.1:8123'],
  [{ HOST: '0.0.0.0', PORT: '8123' }, 'http://127.0.0.1:8123'],
  [{ HOST: '::1', PORT: '8123' }, 'http://[::1]:8123'],
  [{ SANDBOX_PAGES_URL: 'https://shop.example/pay' }, 'https://shop.example/pay'],
])('the page of a gateway with the settings %j is under %s', async (env, base) => {
  const settings = readSettings({ ...env, SANDBOX_AUTHORIZATION_SECONDS: '60' });
  const gateway = sandboxGatewayEntry.open(settings, { databaseUrl: shop.url, log });
  opened.add(gateway);
  const charge = await payment({ token: 'tok_3ds_abandoned' });
  const outcome = await gateway.charge(charge);
  expect(outcome).toMatchObject({
    nextAction: { url: expect.stringMatching(/\/sandbox\/3ds\/sandbox_ch_[0-9a-f-]{36}$/) as string },
  });
  expect(JSON.stringify(outcome)).toContain(`"${base}/sandbox/3ds/`);
  const now = Date.now();
  const authorized = await gateway.charge(await payment({ token: 'tok_ok', captureLater: true }));
  if (authorized.status !== 'authorized') throw new Error('it was not authorised');
  const seconds = (authorized.captureBefore!.getTime() - now) / 1_000;
  expect(Math.abs(seconds - 60)).toBeLessThan(10);
});

describe('a later part of an order', () => {
  test('is charged where the customer has authenticated for an earlier one', async () => {
    const gateway = open(60_000);
    const first = await payment({ keepsMethod: true });
    const prepared = await gateway.prepare(first);
    const customerRef = `sandbox_cus_${first.orderId}`;
    expect(prepared).toEqual({ status: 'prepared', gatewayRef: null, customerRef });
    expect(await gateway.prepare(first)).toEqual(prepared);
    const later = await payment({ offSession: true, customerRef });
    expect(await gateway.prepare({ ...later, keepsMethod: true })).toEqual({
      status: 'prepared',
      gatewayRef: null,
    });
    for (let n = 0; n < 2; n++) expect(await gateway.charge(later)).toMatchObject({ status: 'captured' });
  });

  test.each(['tok_3ds', 'tok_3ds_abandoned'])('of %s is declined where nobody has', async (token) => {
    const gateway = open(1);
    const charge = await payment({ token, offSession: true });
    for (let n = 0; n < 2; n++) expect(await gateway.charge(charge)).toMatchObject(NOBODY_THERE);
    expect(await gateway.find(charge)).toMatchObject(NOBODY_THERE);
  });
});
