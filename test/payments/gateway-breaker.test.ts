import { Registry } from 'prom-client';
import { withBreaker } from '../../integrations/gateway-breaker';
import { BREAKER_STATES, createGatewayMetrics } from '../../integrations/gateway-metrics';
import { refundFailed, keyReused, gatewayUnavailable } from '../../domain/payments/errors';
import type { ChargeOutcome, ClosableGateway } from '../../domain/payments/gateway';
import { recordingLogger } from '../support/recording-logger';
import { CAPTURED_NOW } from './charge-terms';

const OPEN_MS = 10_000;
const WINDOW_MS = 30_000;
const LEAST_CALLS = 20;
const REQUEST = {
  ...CAPTURED_NOW,
  paymentId: 'p-1',
  orderId: 'o-1',
  amountMinor: 1_000,
  currency: 'USD',
  method: 'card',
  token: 'tok_ok',
  gatewayRef: null,
};
const REFUND = { ...REQUEST, refundId: 'r-1', keyNumber: 1, gatewayRef: 'ch_1', reason: 'test' };
const CAPTURE = {
  ...REQUEST,
  captureId: 'c-1',
  keyNumber: 1,
  gatewayRef: 'ch_1',
  capturedMinor: 0,
  isFinal: true,
};
const VOID = { ...REQUEST, gatewayRef: 'ch_1', capturedMinor: 0 };
const CAPTURED: ChargeOutcome = { status: 'captured', gatewayRef: 'ch_1' };
const UNAVAILABLE = { code: 'PAYMENT_GATEWAY_UNAVAILABLE' };

let at: number;
beforeEach(() => {
  at = Date.UTC(2030, 0, 1, 12, 0, 0);
  // The breaker reads the clock of the process.
  jest.spyOn(Date, 'now').mockImplementation(() => at);
});
afterEach(() => jest.restoreAllMocks());

const away = () => Promise.reject(gatewayUnavailable('the connection was reset'));
const never = () => new Promise<never>(() => undefined);

/** A gateway that behaves as told, behind its breaker. */
function setUp({ callTimeoutMs = 5_000 } = {}) {
  const gateway = {
    name: 'test',
    amountProblem: () => null,
    prepare: jest.fn<ReturnType<ClosableGateway['prepare']>, []>().mockResolvedValue({
      status: 'prepared',
      gatewayRef: null,
    }),
    charge: jest.fn<ReturnType<ClosableGateway['charge']>, []>().mockResolvedValue(CAPTURED),
    find: jest.fn<ReturnType<ClosableGateway['find']>, []>().mockResolvedValue(null),
    abandon: jest
      .fn<ReturnType<ClosableGateway['abandon']>, []>()
      .mockResolvedValue({ status: 'declined', gatewayRef: null, declineCode: 'abandoned' }),
    capture: jest
      .fn<ReturnType<ClosableGateway['capture']>, []>()
      .mockResolvedValue({ status: 'succeeded', gatewayRef: 'ca_1', endedMinor: null }),
    void: jest
      .fn<ReturnType<ClosableGateway['void']>, []>()
      .mockResolvedValue({ status: 'voided', capturedMinor: 0 }),
    refund: jest
      .fn<ReturnType<ClosableGateway['refund']>, []>()
      .mockResolvedValue({ status: 'succeeded', gatewayRef: 're_1' }),
    findRefund: jest.fn<ReturnType<ClosableGateway['findRefund']>, []>().mockResolvedValue(null),
    close: () => Promise.resolve(),
  };
  const registry = new Registry();
  const { log, messages } = recordingLogger();
  const guarded = withBreaker(gateway, { callTimeoutMs, log, metrics: createGatewayMetrics(registry) });

  async function value(name: string, labels: Record<string, string>): Promise<number | undefined> {
    const metric = await registry.getSingleMetric(name)?.get();
    return metric?.values.find(({ labels: had }) => Object.entries(labels).every(([k, v]) => had[k] === v))
      ?.value;
  }
  return {
    gateway,
    guarded,
    messages,
    charge: () => guarded.charge(REQUEST),
    calls: (call: string, outcome: string) =>
      value('holdfast_gateway_calls_total', { gateway: 'test', call, outcome }),
    /** How many calls were timed. */
    async timed(call: string): Promise<number> {
      const text = await registry.metrics();
      return Number(new RegExp(`_seconds_count.*call="${call}".* (\\d+)$`, 'm').exec(text)?.[1]);
    },
    async state(): Promise<string[]> {
      const states: string[] = [];
      for (const state of BREAKER_STATES)
        if ((await value('holdfast_gateway_breaker_state', { gateway: 'test', state })) === 1)
          states.push(state);
      return states;
    },
  };
}

type Set = ReturnType<typeof setUp>;

async function failing({ gateway, charge }: Set, times: number): Promise<void> {
  gateway.charge.mockImplementation(away);
  for (let i = 0; i < times; i++) await expect(charge()).rejects.toMatchObject(UNAVAILABLE);
}

async function succeeding({ gateway, charge }: Set, times: number): Promise<void> {
  gateway.charge.mockResolvedValue(CAPTURED);
  for (let i = 0; i < times; i++) expect(await charge()).toBe(CAPTURED);
}

async function opened(): Promise<Set> {
  const set = setUp();
  await failing(set, LEAST_CALLS);
  set.gateway.charge.mockClear();
  return set;
}

test('opens when most calls have no response: further ones fail at once, ask nothing and say until when', async () => {
  const set = setUp();
  await failing(set, LEAST_CALLS - 1);
  expect(await set.state()).toEqual(['closed']);
  await failing(set, 1);
  expect(await set.state()).toEqual(['open']);
  expect(set.messages).toContain('the payment gateway does not respond: its circuit breaker is open');
  set.gateway.charge.mockClear();
  at += OPEN_MS - 1;
  const message = expect.stringContaining('circuit breaker is open until 2030-01-01T12:00:10.000Z') as string;
  await expect(set.charge()).rejects.toMatchObject({ ...UNAVAILABLE, message });
  for (const refused of [
    set.guarded.find(REQUEST),
    set.guarded.prepare(REQUEST),
    set.guarded.abandon(REQUEST),
    set.guarded.capture(CAPTURE),
    set.guarded.void(VOID),
    set.guarded.refund(REFUND),
    set.guarded.findRefund(REFUND),
  ])
    await expect(refused).rejects.toMatchObject({ ...UNAVAILABLE, message });
  for (const call of [
    'charge',
    'find',
    'prepare',
    'abandon',
    'capture',
    'void',
    'refund',
    'findRefund',
  ] as const) {
    expect(set.gateway[call]).not.toHaveBeenCalled();
    expect(await set.calls(call, 'not_asked')).toBe(1);
  }
});

test('lets one call at a time test it, and closes when that has a response', async () => {
  const set = await opened();
  at += OPEN_MS;
  let answer: (outcome: ChargeOutcome) => void = () => undefined;
  set.gateway.charge.mockImplementation(() => new Promise((resolve) => (answer = resolve)));
  const test = set.charge();
  expect(await set.state()).toEqual(['half_open']);
  const message = expect.stringContaining('until the call that tests it has ended') as string;
  await expect(set.charge()).rejects.toMatchObject({ ...UNAVAILABLE, message });
  expect(set.gateway.charge).toHaveBeenCalledTimes(1);
  answer(CAPTURED);
  expect(await test).toBe(CAPTURED);
  expect(await set.state()).toEqual(['closed']);
  expect(set.messages).toContain('the payment gateway responds again: its circuit breaker is closed');
  await succeeding(set, 3);
  // What failed before is forgotten.
  await failing(set, LEAST_CALLS / 2);
  expect(await set.state()).toEqual(['closed']);
});

test('opens again when the call that tests it fails', async () => {
  const set = await opened();
  at += OPEN_MS;
  await failing(set, 1);
  expect(await set.state()).toEqual(['open']);
  at += OPEN_MS - 1;
  set.gateway.charge.mockClear();
  await expect(set.charge()).rejects.toThrow('2030-01-01T12:00:20.000Z');
  expect(set.gateway.charge).not.toHaveBeenCalled();
  at += 1;
  await succeeding(set, 1);
  expect(await set.state()).toEqual(['closed']);
});

test('is not closed by a call that may end without the gateway; the next one tests it', async () => {
  const set = await opened();
  at += OPEN_MS;
  expect(await set.guarded.find(REQUEST)).toBeNull();
  await set.guarded.prepare(REQUEST);
  await set.guarded.abandon(REQUEST);
  expect(await set.state()).toEqual(['open']);
  set.gateway.find.mockResolvedValue({ status: 'unknown' });
  await set.guarded.find(REQUEST);
  expect(await set.state()).toEqual(['closed']);
});

const moneyCalls: [string, (set: Set) => Promise<unknown>][] = [
  ['a capture', ({ guarded }) => guarded.capture(CAPTURE)],
  [
    'a capture that is refused',
    ({ gateway, guarded }) => {
      gateway.capture.mockResolvedValue({ status: 'failed', reason: 'the authorisation has lapsed' });
      return guarded.capture(CAPTURE);
    },
  ],
  ['a void', ({ guarded }) => guarded.void(VOID)],
  [
    'a charge that wants the customer',
    ({ gateway, charge }) => {
      const nextAction = { type: 'redirect' as const, url: 'https://bank.example' };
      gateway.charge.mockResolvedValue({ status: 'requires_action', gatewayRef: 'ch_1', nextAction });
      return charge();
    },
  ],
  [
    'a charge that is authorised',
    ({ gateway, charge }) => {
      gateway.charge.mockResolvedValue({
        status: 'authorized',
        gatewayRef: 'ch_1',
        multicapture: true,
        captureBefore: null,
      });
      return charge();
    },
  ],
];

test.each(moneyCalls)('is closed by %s', async (_what, ask) => {
  const set = await opened();
  at += OPEN_MS;
  await ask(set);
  expect(await set.state()).toEqual(['closed']);
});

test.each(['capture', 'void'] as const)('is opened when most calls of %s have no response', async (call) => {
  const set = setUp();
  set.gateway[call].mockImplementation(away);
  const ask = () => (call === 'capture' ? set.guarded.capture(CAPTURE) : set.guarded.void(VOID));
  for (let i = 0; i < LEAST_CALLS; i++) await expect(ask()).rejects.toMatchObject(UNAVAILABLE);
  expect(await set.state()).toEqual(['open']);
  expect(await set.calls(call, 'no_response')).toBe(LEAST_CALLS);
  expect(await set.timed(call)).toBe(LEAST_CALLS);
});

test('opens also where charges have no response while looking them up and preparing them goes on', async () => {
  const set = setUp();
  for (let i = 0; i < LEAST_CALLS; i++) {
    await set.guarded.find(REQUEST);
    await set.guarded.prepare(REQUEST);
    await failing(set, 1);
  }
  expect(await set.state()).toEqual(['open']);
});

test('stays closed while at most half of the calls have no response: single cards do not open it', async () => {
  const set = setUp();
  for (let i = 0; i < 3 * LEAST_CALLS; i++) {
    await succeeding(set, 1);
    await failing(set, 1);
  }
  expect(await set.state()).toEqual(['closed']);
  await failing(set, 1);
  expect(await set.state()).toEqual(['open']);
});

test('does not count what is long past', async () => {
  const set = setUp();
  await failing(set, LEAST_CALLS - 1);
  at += WINDOW_MS;
  await failing(set, LEAST_CALLS - 1);
  expect(await set.state()).toEqual(['closed']);
  await failing(set, 1);
  expect(await set.state()).toEqual(['open']);
});

const refusals: [string, (set: Set) => Promise<unknown>][] = [
  [
    'a decline',
    async ({ gateway, charge }) => {
      gateway.charge.mockResolvedValue({
        status: 'declined',
        gatewayRef: 'ch_1',
        declineCode: 'card_declined',
      });
      await charge();
    },
  ],
  [
    'a reused key',
    async ({ gateway, charge }) => {
      gateway.charge.mockRejectedValue(keyReused('p-1'));
      await expect(charge()).rejects.toMatchObject({ code: 'PAYMENT_KEY_REUSED' });
    },
  ],
  [
    'a refund that is refused',
    async ({ gateway, guarded }) => {
      gateway.refund.mockRejectedValue(refundFailed('the card account is closed'));
      await expect(guarded.refund(REFUND)).rejects.toMatchObject({ code: 'REFUND_FAILED' });
    },
  ],
];

test.each(refusals)('is not opened by %s', async (_what, ask) => {
  const set = setUp();
  for (let i = 0; i < 2 * LEAST_CALLS; i++) await ask(set);
  expect(await set.state()).toEqual(['closed']);
});

test('an error that nobody foresaw is a failure, thrown as it was', async () => {
  const set = setUp();
  set.gateway.charge.mockRejectedValue(new TypeError('undefined is not a function'));
  for (let i = 0; i < LEAST_CALLS; i++) await expect(set.charge()).rejects.toThrow(TypeError);
  expect(await set.state()).toEqual(['open']);
});

test('a call that never returns ends at its limit, and so does one that tests', async () => {
  const set = setUp({ callTimeoutMs: 1 });
  set.gateway.charge.mockImplementation(never);
  const message = expect.stringContaining('no response within 1 ms') as string;
  await Promise.all(
    Array.from({ length: LEAST_CALLS }, () =>
      expect(set.charge()).rejects.toMatchObject({ ...UNAVAILABLE, message }),
    ),
  );
  expect(await set.state()).toEqual(['open']);
  at += OPEN_MS;
  await expect(set.charge()).rejects.toMatchObject({ message });
  expect(await set.state()).toEqual(['open']);
  at += OPEN_MS;
  await succeeding(set, 1);
  expect(await set.state()).toEqual(['closed']);
});

test('a call that began before it opened decides nothing after', async () => {
  const set = setUp();
  const answers: ((outcome: ChargeOutcome) => void)[] = [];
  set.gateway.charge.mockImplementation(() => new Promise((resolve) => answers.push(resolve)));
  const early = set.charge();
  await failing(set, LEAST_CALLS);
  at += OPEN_MS;
  answers[0]!(CAPTURED);
  expect(await early).toBe(CAPTURED);
  expect(await set.state()).toEqual(['open']);
});

test('calls are counted by their outcome, and timed when the gateway was asked', async () => {
  const set = setUp();
  await succeeding(set, 2);
  await failing(set, 1);
  set.gateway.charge.mockRejectedValue(keyReused('p-1'));
  await expect(set.charge()).rejects.toMatchObject({ code: 'PAYMENT_KEY_REUSED' });
  await set.guarded.find(REQUEST);
  expect(await set.calls('charge', 'captured')).toBe(2);
  expect(await set.calls('charge', 'no_response')).toBe(1);
  expect(await set.calls('charge', 'refused')).toBe(1);
  expect(await set.calls('find', 'not_found')).toBe(1);
  // Three have counted so far: a refusal does not.
  await failing(set, LEAST_CALLS);
  expect(await set.calls('charge', 'not_asked')).toBe(3);
  expect(await set.timed('charge')).toBe(set.gateway.charge.mock.calls.length);
  expect(await set.timed('find')).toBe(1);
});
