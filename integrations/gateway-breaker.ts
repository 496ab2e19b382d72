import { circuitBreaker, CircuitState, handleAll } from 'cockatiel';
import { gatewayUnavailable } from '../domain/payments/errors';
import type { ClosableGateway } from '../domain/payments/gateway';
import { asError, isAppError } from '../platform/errors';
import type { Logger } from '../platform/telemetry/log';
import { withTimeout } from '../platform/with-timeout';
import type { GatewayMetrics } from './gateway-metrics';
import { recentFailures } from './recent-failures';

export interface BreakerOptions {
  /** Longest wait of one call, milliseconds. */
  callTimeoutMs: number;
  log: Logger;
  metrics: GatewayMetrics;
}

/** It opens when more than half of at least 20 calls of the last 30 s had no response. */
const RECENT = { windowMs: 30_000, leastCalls: 20, share: 0.5 };
/** So long after it opened one call is let through. */
const OPEN_MS = 10_000;
/** A gateway's own limit comes first: it says better what happened. */
const LIMIT_GRACE_MS = 500;

type Calls = Pick<
  ClosableGateway,
  'prepare' | 'charge' | 'find' | 'abandon' | 'capture' | 'void' | 'refund' | 'findRefund'
>;
/** What the breaker sees of any result. */
type Result = { status: string; gatewayRef?: string | null } | null;

/**
 * A gateway behind a circuit breaker. While most of its calls get no response, further ones fail at once as
 * `PAYMENT_GATEWAY_UNAVAILABLE`, which is never a decline: nothing was asked. After a while one call at a time tests whether it
 * responds again. A call ends at its time limit, also of a gateway that would let it wait for ever.
 *
 * No response, a timeout and an unexpected error are failures. A decline, a refusal and a reused key are not.
 */
export function withBreaker(gateway: ClosableGateway, options: BreakerOptions): ClosableGateway {
  const { name } = gateway;
  const { callTimeoutMs, metrics } = options;
  const log = options.log.child({ gateway: name });
  const breaker = circuitBreaker(handleAll, { breaker: recentFailures(RECENT), halfOpenAfter: OPEN_MS });
  let openUntil = 0;
  let isTesting = false;

  breaker.onBreak(() => {
    openUntil = Date.now() + OPEN_MS;
    metrics.state(name, 'open');
    log.warn(
      { until: new Date(openUntil) },
      'the payment gateway does not respond: its circuit breaker is open',
    );
  });
  breaker.onReset(() => {
    metrics.state(name, 'closed');
    log.info('the payment gateway responds again: its circuit breaker is closed');
  });
  metrics.state(name, 'closed');

  const isClosed = () => breaker.state === CircuitState.Closed;

  /** @throws PAYMENT_GATEWAY_UNAVAILABLE */
  function refuseWhileOpen(call: keyof Calls): void {
    if (isClosed() || (Date.now() >= openUntil && !isTesting)) return;
    metrics.call({ gateway: name, call, outcome: 'not_asked' });
    const until = isTesting
      ? 'until the call that tests it has ended'
      : `until ${new Date(openUntil).toISOString()}`;
    throw gatewayUnavailable(`it was not asked, since its circuit breaker is open ${until}`);
  }

  async function limited<R extends Result>(call: keyof Calls, ask: () => Promise<R>): Promise<R> {
    const begun = performance.now();
    const observe = (outcome: string) =>
      metrics.call({ gateway: name, call, outcome }, (performance.now() - begun) / 1_000);
    try {
      const result = await withTimeout(ask(), callTimeoutMs + LIMIT_GRACE_MS);
      if (result === 'late') throw gatewayUnavailable(`no response within ${callTimeoutMs} ms`);
      observe(result?.status ?? 'not_found');
      return result;
    } catch (error) {
      observe(isFailure(error) ? 'no_response' : 'refused');
      throw error;
    }
  }

  /** Outcomes are told to cockatiel when they are known: while it runs a call that tests, it lets all others wait for that one. */
  async function guarded<R extends Result>(call: keyof Calls, ask: () => Promise<R>): Promise<R> {
    refuseWhileOpen(call);
    const isTest = !isClosed();
    if (isTest) {
      isTesting = true;
      metrics.state(name, 'half_open');
      log.info(
        { call },
        'a call tests whether the payment gateway responds: its circuit breaker is half open',
      );
    }
    // What began before the breaker opened says nothing of the gateway since.
    const tell = async (outcome: () => Promise<unknown>) => {
      if (isTest || isClosed()) await breaker.execute(outcome).catch(() => undefined);
    };
    try {
      const result = await limited(call, ask);
      if (isResponse(call, result)) await tell(() => Promise.resolve());
      return result;
    } catch (error) {
      if (isFailure(error)) await tell(() => Promise.reject(asError(error)));
      throw error;
    } finally {
      if (isTest) {
        isTesting = false;
        // Neither closed nor opened again: the next call tests.
        if (!isClosed()) metrics.state(name, 'open');
      }
    }
  }

  return {
    name,
    amountProblem: (amountMinor, currency) => gateway.amountProblem(amountMinor, currency),
    prepare: (request) => guarded('prepare', () => gateway.prepare(request)),
    charge: (request) => guarded('charge', () => gateway.charge(request)),
    find: (request) => guarded('find', () => gateway.find(request)),
    abandon: (request) => guarded('abandon', () => gateway.abandon(request)),
    capture: (request) => guarded('capture', () => gateway.capture(request)),
    void: (request) => guarded('void', () => gateway.void(request)),
    refund: (request) => guarded('refund', () => gateway.refund(request)),
    findRefund: (request) => guarded('findRefund', () => gateway.findRefund(request)),
    close: () => gateway.close(),
  };
}

function isFailure(error: unknown): boolean {
  return !isAppError(error) || error.code === 'PAYMENT_GATEWAY_UNAVAILABLE';
}

/**
 * Whether a result shows that the gateway takes charges: some calls end without asking it (Stripe looks for nothing where it has no
 * id), and a gateway that only finds and prepares takes no money.
 */
function isResponse(call: keyof Calls, result: Result): boolean {
  switch (call) {
    case 'charge':
    case 'capture':
    case 'void':
    case 'refund':
      return true;
    case 'find':
    case 'findRefund':
      return result !== null;
    case 'abandon':
      return result?.gatewayRef !== null;
    case 'prepare':
      return false;
  }
}
