import { randomUUID } from 'node:crypto';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import type { CaptureRequest, ChargeRequest, ClosableGateway } from '../../domain/payments/gateway';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { CAPTURED_NOW } from './charge-terms';

const WEEK_MS = 604_800_000;

const log = testLogger();
let shop: TestShop;
let gateway: ClosableGateway;

beforeAll(async () => {
  shop = await openTestShop();
  gateway = createSandboxGateway({ url: shop.url, log, callTimeoutMs: 5_000, slowMs: 100 });
});
afterAll(async () => {
  await gateway.close();
  await shop.close();
});

function request(changes: Partial<ChargeRequest> = {}): ChargeRequest {
  return {
    ...CAPTURED_NOW,
    paymentId: randomUUID(),
    orderId: randomUUID(),
    amountMinor: 1_000,
    currency: 'USD',
    method: 'card',
    token: 'tok_ok',
    gatewayRef: null,
    captureLater: true,
    ...changes,
  };
}

async function authorized(token = 'tok_ok', at: ClosableGateway = gateway) {
  const charge = request({ token });
  const outcome = await at.charge(charge);
  if (outcome.status !== 'authorized') throw new Error(`${token} was ${outcome.status}`);
  return { charge, outcome, gatewayRef: outcome.gatewayRef };
}

type Authorized = Awaited<ReturnType<typeof authorized>>;

function captureOf(
  { charge, gatewayRef }: Authorized,
  changes: Partial<CaptureRequest> = {},
): CaptureRequest {
  return {
    captureId: randomUUID(),
    keyNumber: 1,
    paymentId: charge.paymentId,
    gatewayRef,
    amountMinor: 400,
    currency: 'USD',
    capturedMinor: 0,
    isFinal: false,
    ...changes,
  };
}

const voided = ({ charge, gatewayRef }: Authorized, capturedMinor = 0) =>
  gateway.void({ paymentId: charge.paymentId, gatewayRef, currency: 'USD', capturedMinor });
const refundOf = ({ charge, gatewayRef }: Authorized, amountMinor: number) =>
  gateway.refund({
    refundId: randomUUID(),
    keyNumber: 1,
    paymentId: charge.paymentId,
    gatewayRef,
    amountMinor,
    currency: 'USD',
    reason: 'test',
  });
/** Nothing more can be captured of a charge of which so much was in all; null: more can be. */
const endedWith = (endedMinor: number | null) => ({
  status: 'succeeded',
  gatewayRef: expect.stringMatching(/^sandbox_ca_/) as string,
  endedMinor,
});
const succeeded = endedWith(null);

async function booksOf({ gatewayRef }: Authorized) {
  const { rows } = await shop.db.pool.query<{
    status: string;
    captured: number;
    taken: number;
    captures: number;
  }>(
    `select c.status, c.captured_minor::int as captured, coalesce(sum(t.amount_minor), 0)::int as taken,
       count(t.ref)::int as captures
     from sandbox_gateway.charges c left join sandbox_gateway.captures t on t.charge_ref = c.ref
     where c.ref = $1 group by c.idempotency_key`,
    [gatewayRef],
  );
  return rows[0];
}

describe('an authorisation', () => {
  test('takes nothing, can be captured in parts for a week, and is found again', async () => {
    const before = Date.now();
    const one = await authorized();
    const { captureBefore, multicapture } = one.outcome;
    expect(multicapture).toBe(true);
    expect(captureBefore!.getTime()).toBeGreaterThanOrEqual(before + WEEK_MS);
    expect(captureBefore!.getTime()).toBeLessThanOrEqual(Date.now() + WEEK_MS + 1_000);
    expect(await gateway.charge(one.charge)).toEqual(one.outcome);
    expect(await gateway.find(one.charge)).toEqual(one.outcome);
    expect(await gateway.abandon(one.charge)).toEqual(one.outcome);
    expect(await booksOf(one)).toEqual({ status: 'authorized', captured: 0, taken: 0, captures: 0 });
    await expect(refundOf(one, 1)).rejects.toMatchObject({ code: 'REFUND_FAILED' });
  });

  test('under the key of a charge that is captured at once is refused, and the other way round', async () => {
    const now = request({ captureLater: false });
    await gateway.charge(now);
    const { charge } = await authorized();
    for (const other of [
      { ...now, captureLater: true },
      { ...charge, captureLater: false },
    ])
      await expect(gateway.charge(other)).rejects.toMatchObject({ code: 'PAYMENT_KEY_REUSED' });
  });

  test.each([
    ['tok_flaky', 2],
    ['tok_timeout', 1],
  ])('of %s is reached although %i calls have no response', async (token, lost) => {
    const charge = request({ token });
    for (let call = 0; call < lost; call++)
      await expect(gateway.charge(charge)).rejects.toMatchObject({ code: 'PAYMENT_GATEWAY_UNAVAILABLE' });
    const outcome = token === 'tok_flaky' ? await gateway.charge(charge) : await gateway.find(charge);
    expect(outcome).toMatchObject({ status: 'authorized' });
  });

  test('of tok_slow is unknown at first', async () => {
    const charge = request({ token: 'tok_slow' });
    const asked = gateway.charge(charge);
    await waitFor(async () => (await gateway.find(charge))?.status === 'unknown');
    expect(await asked).toMatchObject({ status: 'authorized' });
  });
});

describe('a capture', () => {
  test('is made once for each key, however often and by however many it is asked for', async () => {
    const one = await authorized();
    const capture = captureOf(one);
    const first = await gateway.capture(capture);
    expect(first).toEqual(succeeded);
    const others = await Promise.all(Array.from({ length: 5 }, () => gateway.capture(capture)));
    for (const other of others) expect(other).toEqual(first);
    const second = await gateway.capture({ ...capture, keyNumber: 2, capturedMinor: 400 });
    expect(second).toEqual(succeeded);
    expect(second).not.toEqual(first);
    expect(await booksOf(one)).toEqual({ status: 'authorized', captured: 800, taken: 800, captures: 2 });
  });

  test('never takes more than was authorised, even when many are made at once', async () => {
    const one = await authorized();
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, () => gateway.capture(captureOf(one, { amountMinor: 300 }))),
    );
    const failed = outcomes.filter(({ status }) => status === 'failed');
    expect(failed).toEqual(
      Array.from({ length: 3 }, () => ({
        status: 'failed',
        reason: 'only 100 minor units are left of the authorisation',
      })),
    );
    expect(await booksOf(one)).toMatchObject({ status: 'authorized', captured: 900, captures: 3 });
  });

  test.each([
    ['the last one', { isFinal: true }, 400],
    ['one of everything', { amountMinor: 1_000 }, 1_000],
  ])('ends the charge where it is %s', async (_which, changes, captured) => {
    const one = await authorized();
    const last = captureOf(one, changes);
    for (let n = 0; n < 2; n++) expect(await gateway.capture(last)).toEqual(endedWith(captured));
    expect(await gateway.find(one.charge)).toEqual({ status: 'captured', gatewayRef: one.gatewayRef });
    const reason = 'what was left of the authorisation is voided';
    const failed = { status: 'failed', reason, isGone: true };
    for (let n = 0; n < 2; n++)
      expect(await gateway.capture(captureOf(one, { amountMinor: 1 }))).toEqual(failed);
    expect(await booksOf(one)).toEqual({ status: 'captured', captured, taken: captured, captures: 1 });
  });

  test('that has lapsed is refused, while one made before is still known', async () => {
    const brief = createSandboxGateway({ url: shop.url, log, callTimeoutMs: 5_000, authorizationSeconds: 1 });
    const one = await authorized('tok_ok', brief);
    await brief.close();
    const made = captureOf(one);
    expect(await gateway.capture(made)).toEqual(succeeded);
    await shop.db.pool.query(
      `update sandbox_gateway.charges set capture_before = clock_timestamp() where ref = $1`,
      [one.gatewayRef],
    );
    for (let n = 0; n < 2; n++)
      expect(await gateway.capture(captureOf(one))).toEqual({
        status: 'failed',
        reason: 'the authorisation has lapsed',
        isGone: true,
      });
    // Nothing more of it can be captured.
    expect(await gateway.find(one.charge)).toMatchObject({ status: 'captured' });
    expect(await gateway.capture(made)).toEqual(succeeded);
    expect(one.outcome.captureBefore!.getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
    for (let n = 0; n < 2; n++)
      expect(await voided(one, 400)).toEqual({ status: 'voided', capturedMinor: 400 });
  });

  test('of tok_capture_fails is refused for good, under every number of its key; a charge now is captured', async () => {
    const one = await authorized('tok_capture_fails');
    const capture = captureOf(one);
    for (const keyNumber of [1, 1, 2])
      expect(await gateway.capture({ ...capture, keyNumber })).toEqual({
        status: 'failed',
        reason: 'the issuer of the card refuses it',
      });
    expect(await booksOf(one)).toMatchObject({ status: 'authorized', captured: 0 });
    const now = request({ token: 'tok_capture_fails', captureLater: false });
    expect(await gateway.charge(now)).toMatchObject({ status: 'captured' });
  });

  test('under a known key of another amount is refused', async () => {
    const one = await authorized();
    const capture = captureOf(one);
    await gateway.capture(capture);
    await expect(gateway.capture({ ...capture, amountMinor: 1 })).rejects.toMatchObject({
      code: 'PAYMENT_KEY_REUSED',
    });
  });

  test('of no charge, or of one that was declined, has failed', async () => {
    const declined = await gateway.charge(request({ token: 'tok_declined' }));
    if (declined.status !== 'declined') throw new Error('it was not declined');
    const one = await authorized();
    expect(await gateway.capture(captureOf(one, { gatewayRef: 'sandbox_ch_none' }))).toMatchObject({
      status: 'failed',
    });
    expect(await gateway.capture(captureOf(one, { gatewayRef: declined.gatewayRef ?? '' }))).toMatchObject({
      status: 'failed',
    });
  });

  test('stays made when the transaction around the call is rolled back', async () => {
    const one = await authorized();
    const capture = captureOf(one);
    await expect(
      shop.db.transaction(async () => {
        await gateway.capture(capture);
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    expect(await booksOf(one)).toMatchObject({ captured: 400 });
  });

  test('of tok_disputed is disputed, by the amount that was captured; its authorisation is not', async () => {
    const one = await authorized('tok_disputed');
    const disputes = async () =>
      (
        await shop.db.pool.query<{ told: boolean }>(
          'select is_told as told from sandbox_gateway.disputes where charge_ref = $1',
          [one.gatewayRef],
        )
      ).rows;
    expect(await disputes()).toEqual([]);
    await gateway.capture(captureOf(one));
    await waitFor(async () => (await disputes())[0]?.told);
    await gateway.capture(captureOf(one, { capturedMinor: 400 }));
    expect(await disputes()).toHaveLength(1);
  });

  test('is what refunds may give back, and no more', async () => {
    const one = await authorized();
    await gateway.capture(captureOf(one));
    await expect(refundOf(one, 401)).rejects.toMatchObject({ code: 'REFUND_EXCEEDS_CAPTURE' });
    expect(await refundOf(one, 400)).toMatchObject({ status: 'succeeded' });
    await expect(refundOf(one, 1)).rejects.toMatchObject({ code: 'REFUND_EXCEEDS_CAPTURE' });
    await gateway.capture(captureOf(one, { capturedMinor: 400, amountMinor: 100 }));
    expect(await refundOf(one, 100)).toMatchObject({ status: 'succeeded' });
  });
});

describe('a void', () => {
  test('of a charge that nothing was captured of voids it, for good', async () => {
    const one = await authorized();
    for (let n = 0; n < 2; n++) expect(await voided(one)).toEqual({ status: 'voided', capturedMinor: 0 });
    expect(await booksOf(one)).toMatchObject({ status: 'voided', captured: 0 });
    expect(await gateway.capture(captureOf(one))).toEqual({
      status: 'failed',
      reason: 'what was left of the authorisation is voided',
      isGone: true,
    });
    expect(await gateway.find(one.charge)).toMatchObject({ status: 'declined', declineCode: 'voided' });
  });

  test('of a charge that is captured in part keeps that', async () => {
    const one = await authorized();
    const made = captureOf(one);
    const first = await gateway.capture(made);
    for (let n = 0; n < 2; n++)
      expect(await voided(one, 400)).toEqual({ status: 'voided', capturedMinor: 400 });
    expect(await gateway.capture(captureOf(one))).toMatchObject({ status: 'failed' });
    expect(await gateway.capture(made)).toEqual({ ...first, endedMinor: 400 });
    expect(await booksOf(one)).toMatchObject({ status: 'captured', captured: 400 });
  });

  test('of a charge that was captured at once, and of none, changes nothing', async () => {
    const charge = request({ captureLater: false });
    const outcome = await gateway.charge(charge);
    if (outcome.status !== 'captured') throw new Error('it was not captured');
    const about = { paymentId: charge.paymentId, currency: 'USD', capturedMinor: 0 };
    expect(await gateway.void({ ...about, gatewayRef: outcome.gatewayRef })).toEqual({
      status: 'voided',
      capturedMinor: 1_000,
    });
    expect(await gateway.void({ ...about, gatewayRef: 'sandbox_ch_none' })).toEqual({
      status: 'voided',
      capturedMinor: 0,
    });
    expect(await gateway.find(charge)).toEqual(outcome);
  });
});
