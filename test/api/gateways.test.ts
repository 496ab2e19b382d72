import { newId } from '../../platform/ids';
import { insertOrder, insertPayment } from '../payments/orders';
import {
  disputeObject,
  intentObject,
  stripeEvent,
  stripeSignature,
  STRIPE_SECRET,
} from '../payments/stripe-events';
import { expectInvariants } from '../support/invariants';
import { openTestApi, withoutItsBody, type TestApi } from './support';

const NEW_SECRET = 'whsec_test_of_the_next';

let test: TestApi;

beforeAll(async () => {
  test = await openTestApi({ env: { STRIPE_WEBHOOK_SECRETS: `${STRIPE_SECRET}, ${NEW_SECRET}` } });
});
afterAll(() => test.close());

/** A payment that Stripe has not finished. */
async function openPayment() {
  const order = await insertOrder(test.db);
  const intent = `pi_${newId()}`;
  const paymentId = await insertPayment(test.db, order, { gateway: 'stripe', gatewayRef: intent });
  await test.db.pool.query(
    `update payments set next_try_at = clock_timestamp() + interval '1 day' where id = $1`,
    [paymentId],
  );
  return { ...order, paymentId, intent };
}

async function isDue(paymentId: string): Promise<boolean> {
  const { rows } = await test.db.pool.query<{ due: boolean }>(
    'select next_try_at is null as due from payments where id = $1',
    [paymentId],
  );
  return rows[0]?.due ?? false;
}

const send = (raw: string, headers: Record<string, string>, api = test) =>
  api.call('POST', '/gateways/stripe/events', { raw, headers });
const refused = (code: string) => ({ status: 401, body: { code } });
const succeeded = (intent: string) =>
  JSON.stringify(stripeEvent('payment_intent.succeeded', intentObject(intent)));

describe("a gateway's events", () => {
  it('are applied once each', async () => {
    const { paymentId, intent } = await openPayment();
    const raw = succeeded(intent);
    expect(await send(raw, stripeSignature(raw))).toMatchObject({ status: 200, body: { result: 'applied' } });
    expect(await isDue(paymentId)).toBe(true);
    expect(await send(raw, stripeSignature(raw))).toMatchObject({
      status: 200,
      body: { result: 'duplicate' },
    });
    await expectInvariants(test.db);
  });

  it('are taken with 200 and counted where they are about nothing of ours', async () => {
    const counted = async (result: string) => {
      const { text } = await test.call('GET', '//metrics');
      const line = text
        .split('\n')
        .find((one) => one.includes('gateway_events_total') && one.includes(`"${result}"`));
      return Number(line?.split(' ').at(-1) ?? 0);
    };
    const before = { unknown: await counted('unknown'), ignored: await counted('ignored') };
    const bodies: [unknown, string][] = [
      [stripeEvent('charge.dispute.created', disputeObject({ intent: 'pi_of_another_shop' })), 'unknown'],
      [stripeEvent('invoice.paid', { object: 'invoice', id: 'in_1' }), 'ignored'],
      [{ id: 'evt_thin', object: 'v2.core.event', type: 'v1.billing.meter.no_meter_found' }, 'ignored'],
      [{ anything: 1 }, 'ignored'],
    ];
    for (const [body, result] of bodies) {
      const raw = JSON.stringify(body);
      expect(await send(raw, stripeSignature(raw))).toMatchObject({ status: 200, body: { result } });
    }
    expect(await counted('unknown')).toBe(before.unknown + 1);
    expect(await counted('ignored')).toBe(before.ignored + 3);
  });

  it('show a dispute in the view of its order, with what to do', async () => {
    const { orderId, paymentId, intent } = await openPayment();
    const raw = JSON.stringify(stripeEvent('charge.dispute.created', disputeObject({ intent })));
    expect((await send(raw, stripeSignature(raw))).body).toEqual({ result: 'applied' });
    expect((await test.call('GET', `/orders/${orderId}`)).body).toMatchObject({
      disputes: [
        { paymentId, gatewayRef: 'dp_1', status: 'needs_response', amountMinor: 1_000, currency: 'USD' },
      ],
      attention: [{ kind: 'disputed', next: expect.stringContaining('Respond') as string }],
    });
    expect((await test.call('GET', `/orders/${orderId}/events`)).body.items).toMatchObject([
      { type: 'dispute_needs_response' },
    ]);
  });

  it('are refused of a gateway that sends nothing, or that there is not', async () => {
    for (const name of ['sandbox', 'nobody', 'toString'])
      expect(await test.call('POST', `/gateways/${name}/events`, { body: {} })).toMatchObject({
        status: 404,
      });
  });

  it('are refused by the headers, before the body comes, where none has signed them', async () => {
    const bare = await openTestApi({ shop: test });
    try {
      expect(await withoutItsBody(test, '/gateways/nobody/events')).toMatchObject({ status: 404 });
      expect(await withoutItsBody(test, '/gateways/stripe/events')).toMatchObject(
        refused('SIGNATURE_MISSING'),
      );
      const notSetUp = await withoutItsBody(bare, '/gateways/stripe/events');
      expect(notSetUp).toMatchObject({ status: 503, body: { code: 'WEBHOOK_NOT_SET_UP' } });
      // Which setting is missing is for the log.
      expect(notSetUp.body.detail).not.toContain('STRIPE');
    } finally {
      await bare.close();
    }
  });

  it('that are refused are counted, and those that are packed are not unpacked', async () => {
    const counted = async () => {
      const { text } = await test.call('GET', '//metrics');
      const line = /^holdfast_gateway_events_total\{gateway="stripe",result="refused".*\} (\d+)$/m.exec(text);
      return Number(line?.[1] ?? 0);
    };
    const before = await counted();
    const raw = succeeded('pi_1');
    await send(raw, {});
    await send(raw, stripeSignature(raw, { secret: 'whsec_of_somebody' }));
    expect(await counted()).toBe(before + 2);
    const packed = { ...stripeSignature(raw), 'content-encoding': 'gzip' };
    expect(await send(raw, packed)).toMatchObject({ status: 415 });
  });

  describe('are taken only with a signature', () => {
    it('of a secret that is set, over the bytes that were sent', async () => {
      const { paymentId, intent } = await openPayment();
      const raw = succeeded(intent);
      const headers = stripeSignature(raw);
      expect(await send(raw, {})).toMatchObject(refused('SIGNATURE_MISSING'));
      expect(await send(raw, { 'stripe-signature': '' })).toMatchObject(refused('SIGNATURE_MISSING'));
      for (const signature of ['x', 't=1', 't=1,v1=', `${headers['stripe-signature']}0`])
        expect(await send(raw, { 'stripe-signature': signature })).toMatchObject(
          refused('SIGNATURE_INVALID'),
        );
      expect(await send(`${raw} `, headers)).toMatchObject(refused('SIGNATURE_INVALID'));
      expect(await send('', headers)).toMatchObject(refused('SIGNATURE_INVALID'));
      const other = stripeSignature(raw, { secret: 'whsec_of_somebody' });
      expect(await send(raw, other)).toMatchObject(refused('SIGNATURE_INVALID'));
      expect(await isDue(paymentId)).toBe(false);
      expect(await send(raw, headers)).toMatchObject({ status: 200 });
      expect(await send('{', stripeSignature('{'))).toMatchObject({
        status: 400,
        body: { code: 'MALFORMED_JSON' },
      });
    });

    it('of at most five minutes ago', async () => {
      const { paymentId, intent } = await openPayment();
      const raw = succeeded(intent);
      const at = (seconds: number) =>
        stripeSignature(raw, { timestamp: Math.floor(Date.now() / 1_000) + seconds });
      expect(await send(raw, at(-330))).toMatchObject(refused('SIGNATURE_EXPIRED'));
      expect(await isDue(paymentId)).toBe(false);
      expect(await send(raw, at(-270))).toMatchObject({ status: 200 });
    });

    it('of the old or the new secret while it is changed', async () => {
      for (const secret of [STRIPE_SECRET, NEW_SECRET]) {
        const { paymentId, intent } = await openPayment();
        const raw = succeeded(intent);
        expect(await send(raw, stripeSignature(raw, { secret }))).toMatchObject({ status: 200 });
        expect(await isDue(paymentId)).toBe(true);
      }
    });

    it('and are asked for again later while no secret is set', async () => {
      const bare = await openTestApi({ shop: test });
      try {
        const raw = succeeded('pi_1');
        const told = await send(raw, stripeSignature(raw), bare);
        expect(told).toMatchObject({ status: 503, body: { code: 'WEBHOOK_NOT_SET_UP' } });
      } finally {
        await bare.close();
      }
    });
  });
});
