import { randomUUID } from 'node:crypto';
import { SANDBOX_TOKENS } from '../../integrations/sandbox-gateway/cards';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import type { ChargeRequest, ClosableGateway, RefundRequest } from '../../domain/payments/gateway';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';
import { readSandboxBooks } from './orders';
import { CAPTURED_NOW } from './charge-terms';

const SLOW_MS = 400;

const log = testLogger();
let database: TestShop;
let gateway: ClosableGateway;

beforeAll(async () => {
  database = await openTestShop();
  gateway = createSandboxGateway({ url: database.url, log, callTimeoutMs: 5_000, slowMs: SLOW_MS });
});

afterAll(async () => {
  await gateway.close();
  await database.close();
});

function request(token: string, changes: Partial<ChargeRequest> = {}): ChargeRequest {
  return {
    ...CAPTURED_NOW,
    paymentId: randomUUID(),
    orderId: randomUUID(),
    amountMinor: 1_000,
    currency: 'USD',
    method: 'card',
    token,
    gatewayRef: null,
    ...changes,
  };
}

async function captured(amountMinor = 1_000, token = 'tok_ok'): Promise<RefundRequest> {
  const charge = request(token, { amountMinor });
  const outcome = await gateway.charge(charge);
  if (outcome.status !== 'captured') throw new Error(`${token} was not captured`);
  return {
    refundId: randomUUID(),
    keyNumber: 1,
    paymentId: charge.paymentId,
    gatewayRef: outcome.gatewayRef,
    amountMinor,
    currency: 'USD',
    reason: 'test',
  };
}

describe('a charge', () => {
  test('is captured once however often it is sent', async () => {
    const charge = request('tok_ok');
    const first = await gateway.charge(charge);
    expect(first).toMatchObject({ status: 'captured' });
    expect(JSON.stringify(first)).toContain('sandbox_ch_');
    expect(await gateway.charge(charge)).toEqual(first);
    expect(await gateway.find(charge)).toEqual(first);
    const { charges } = await readSandboxBooks(database.db, [charge.paymentId]);
    expect(charges).toEqual([{ key: charge.paymentId, status: 'captured', calls: 2 }]);
  });

  test('sent many times at once under one key is one charge', async () => {
    const charge = request('tok_ok');
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => gateway.charge(charge)));
    expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1);
    expect((await readSandboxBooks(database.db, [charge.paymentId])).charges).toHaveLength(1);
  });

  test.each([
    ['tok_declined', 'card_declined'],
    ['tok_insufficient_funds', 'insufficient_funds'],
    ['tok_nobody_knows', 'invalid_token'],
    ['constructor', 'invalid_token'],
  ])('of %s is declined as %s, again and again', async (token, declineCode) => {
    const charge = request(token);
    const first = await gateway.charge(charge);
    expect(first).toMatchObject({ status: 'declined', declineCode });
    expect(await gateway.charge(charge)).toEqual(first);
    expect(await gateway.find(charge)).toEqual(first);
  });

  test('of tok_flaky fails twice without capturing, then is captured', async () => {
    const charge = request('tok_flaky');
    for (let call = 1; call <= 2; call++) {
      await expect(gateway.charge(charge)).rejects.toMatchObject({ code: 'PAYMENT_GATEWAY_UNAVAILABLE' });
      expect(await gateway.find(charge)).toBeNull();
    }
    expect(await gateway.charge(charge)).toMatchObject({ status: 'captured' });
    expect(await gateway.charge(charge)).toMatchObject({ status: 'captured' });
  });

  test('of tok_timeout is captured although no response ever arrives', async () => {
    const charge = request('tok_timeout');
    await expect(gateway.charge(charge)).rejects.toMatchObject({ code: 'PAYMENT_GATEWAY_UNAVAILABLE' });
    const found = await gateway.find(charge);
    expect(found).toMatchObject({ status: 'captured' });
    await expect(gateway.charge(charge)).rejects.toMatchObject({ code: 'PAYMENT_GATEWAY_UNAVAILABLE' });
    expect(await gateway.find(charge)).toEqual(found);
  });

  test('of tok_slow is unknown until it is captured, for whoever asks', async () => {
    const charge = request('tok_slow');
    const started = Date.now();
    const answer = gateway.charge(charge);
    await foundAs(charge, 'unknown');
    const [first, second] = await Promise.all([answer, gateway.charge(charge)]);
    expect(first).toMatchObject({ status: 'captured' });
    expect(second).toEqual(first);
    expect(Date.now() - started).toBeGreaterThanOrEqual(SLOW_MS - 20);
  });

  test('is captured in its own time when the caller is too impatient to hear of it', async () => {
    const impatient = createSandboxGateway({
      url: database.url,
      log,
      callTimeoutMs: 100,
      slowMs: SLOW_MS,
    });
    const charge = request('tok_slow');
    await expect(impatient.charge(charge)).rejects.toMatchObject({ code: 'PAYMENT_GATEWAY_UNAVAILABLE' });
    expect(await impatient.find(charge)).toEqual({ status: 'unknown' });
    await impatient.close();
    await foundAs(charge, 'captured');
  });

  test('of another amount under a known key is refused and changes nothing', async () => {
    const charge = request('tok_flaky');
    await expect(gateway.charge(charge)).rejects.toThrow();
    for (const other of [{ amountMinor: 1 }, { currency: 'EUR' }, { token: 'tok_ok' }]) {
      await expect(gateway.charge({ ...charge, ...other })).rejects.toMatchObject({
        code: 'PAYMENT_KEY_REUSED',
      });
    }
    const { charges } = await readSandboxBooks(database.db, [charge.paymentId]);
    expect(charges).toEqual([{ key: charge.paymentId, status: 'received', calls: 1 }]);
  });

  test('stays captured when the transaction around the call is rolled back', async () => {
    const charge = request('tok_ok');
    await expect(
      database.db.transaction(async () => {
        await gateway.charge(charge);
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    expect(await gateway.find(charge)).toMatchObject({ status: 'captured' });
  });

  test('that was never sent is not found', async () => {
    expect(await gateway.find(request('tok_ok'))).toBeNull();
  });
});

test('closing the gateway ends a call that still waits', async () => {
  const closed = createSandboxGateway({ url: database.url, log, callTimeoutMs: 60_000, slowMs: 60_000 });
  const charge = request('tok_slow');
  const [answer] = await Promise.allSettled([
    closed.charge(charge),
    foundAs(charge, 'unknown').then(() => closed.close()),
  ]);
  expect(answer.status).toBe('rejected');
});

test('every token the API accepts has a card that is not the unknown one', async () => {
  const outcomes = await Promise.allSettled(SANDBOX_TOKENS.map((token) => gateway.charge(request(token))));
  expect(SANDBOX_TOKENS).toHaveLength(12);
  expect(JSON.stringify(outcomes)).not.toContain('invalid_token');
});

test('a dispute that a process did not tell of before it ended is told by the next', async () => {
  const open = () => createSandboxGateway({ url: database.url, log, callTimeoutMs: 5_000, slowMs: SLOW_MS });
  const isTold = async (chargeRef: string) => {
    const { rows } = await database.db.pool.query<{ told: boolean }>(
      'select is_told as told from sandbox_gateway.disputes where charge_ref = $1',
      [chargeRef],
    );
    return rows.map(({ told }) => told);
  };
  const first = open();
  const outcome = await first.charge(request('tok_disputed'));
  if (outcome.status !== 'captured') throw new Error('it was not captured');
  const chargeRef = outcome.gatewayRef;
  await first.close();
  expect(await isTold(chargeRef)).toEqual([false]);
  const next = open();
  await next.find(request('tok_ok'));
  await waitFor(async () => (await isTold(chargeRef))[0]);
  await next.close();
});

describe('a refund', () => {
  test('is made once however often it is sent', async () => {
    const refund = await captured();
    const first = await gateway.refund(refund);
    expect(first).toEqual({
      status: 'succeeded',
      gatewayRef: expect.stringMatching(/^sandbox_re_/) as string,
    });
    expect(await gateway.refund(refund)).toEqual(first);
    expect((await readSandboxBooks(database.db, [refund.paymentId])).refundedMinor).toBe(1_000);
  });

  test('under another number of its key is another refund', async () => {
    const refund = await captured();
    const half = { ...refund, amountMinor: 500 };
    const first = await gateway.refund(half);
    const second = await gateway.refund({ ...half, keyNumber: 2 });
    expect(second).toMatchObject({ status: 'succeeded' });
    expect(second).not.toEqual(first);
    await expect(gateway.refund({ ...half, keyNumber: 3 })).rejects.toMatchObject({
      code: 'REFUND_EXCEEDS_CAPTURE',
    });
  });

  test('of tok_refund_fails is refused for good, under every number of its key', async () => {
    const refund = await captured(1_000, 'tok_refund_fails');
    for (const keyNumber of [1, 1, 2]) {
      const failed = { status: 'failed', gatewayRef: null, reason: 'the card account is closed' };
      expect(await gateway.refund({ ...refund, keyNumber })).toEqual(failed);
    }
    expect((await readSandboxBooks(database.db, [refund.paymentId])).refundedMinor).toBe(0);
  });

  test('of tok_refund_pending is taken, fails later, and leaves room for another', async () => {
    const refund = await captured(1_000, 'tok_refund_pending');
    const taken = await gateway.refund(refund);
    expect(taken).toMatchObject({ status: 'pending' });
    await expect(gateway.refund({ ...refund, keyNumber: 2 })).rejects.toMatchObject({
      code: 'REFUND_EXCEEDS_CAPTURE',
    });
    await waitFor(async () => (await gateway.refund(refund)).status === 'failed');
    expect(await gateway.refund(refund)).toMatchObject({ ...taken, status: 'failed' });
    expect(await gateway.refund({ ...refund, keyNumber: 2 })).toMatchObject({ status: 'pending' });
  });

  test('under a known id with another amount is refused', async () => {
    const refund = await captured();
    await gateway.refund({ ...refund, amountMinor: 100 });
    await expect(gateway.refund({ ...refund, amountMinor: 200 })).rejects.toMatchObject({
      code: 'PAYMENT_KEY_REUSED',
    });
  });

  test('never takes the sum above what was captured, even when many are made at once', async () => {
    // The first round finds the gateway's connections not yet open, and so one after the other.
    for (let round = 0; round < 5; round++) {
      const refund = await captured(1_000);
      const results = await Promise.allSettled(
        Array.from({ length: 6 }, () =>
          gateway.refund({ ...refund, refundId: randomUUID(), amountMinor: 300 }),
        ),
      );
      const refused = results.filter((result) => result.status === 'rejected');
      expect(refused.map((result) => (result.reason as { code: string }).code)).toEqual(
        Array.from({ length: 3 }, () => 'REFUND_EXCEEDS_CAPTURE'),
      );
      expect((await readSandboxBooks(database.db, [refund.paymentId])).refundedMinor).toBe(900);
    }
  });

  test('of a charge that was declined or never made is refused', async () => {
    const declined = await gateway.charge(request('tok_declined'));
    const refund = { ...(await captured()), refundId: randomUUID() };
    for (const gatewayRef of [
      'sandbox_ch_none',
      declined.status === 'declined' ? (declined.gatewayRef ?? '') : '',
    ]) {
      await expect(gateway.refund({ ...refund, gatewayRef })).rejects.toMatchObject({
        code: 'REFUND_FAILED',
      });
    }
  });
});

async function foundAs(charge: ChargeRequest, status: string): Promise<void> {
  await waitFor(async () => (await gateway.find(charge))?.status === status);
}
