import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export const BREAKER_STATES = ['closed', 'open', 'half_open'] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

/** What is counted of the calls of payment gateways. */
export interface GatewayMetrics {
  state(gateway: string, state: BreakerState): void;
  /**
   * @param outcome the status of what the gateway said, or `not_found`, `refused`, `no_response`, `not_asked`
   * @param seconds how long it took; absent where the gateway was not asked
   */
  call(labels: { gateway: string; call: string; outcome: string }, seconds?: number): void;
}

/** The calls of a gateway that are counted. */
const GATEWAY_CALLS = ['prepare', 'charge', 'find', 'abandon', 'capture', 'void', 'refund', 'findRefund'];
/** Outcomes that begin at zero: those that somebody is told of. */
const FAILED = ['no_response', 'not_asked', 'refused'];

/** Seconds, from the sandbox's few milliseconds to a call that has timed out. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];

/** Labels are few by design: gateways, their eight calls, a dozen outcomes. */
export function createGatewayMetrics(registry: Registry): GatewayMetrics {
  const registers = [registry];
  const states = new Gauge({
    name: 'holdfast_gateway_breaker_state',
    help: 'State of the circuit breaker of a payment gateway in this process: 1 for the state that it has.',
    labelNames: ['gateway', 'state'],
    registers,
  });
  const calls = new Counter({
    name: 'holdfast_gateway_calls_total',
    help: 'Calls of a payment gateway, by what became of them.',
    labelNames: ['gateway', 'call', 'outcome'],
    registers,
  });
  const durations = new Histogram({
    name: 'holdfast_gateway_call_duration_seconds',
    help: 'Duration of calls of a payment gateway.',
    labelNames: ['gateway', 'call'],
    buckets: BUCKETS,
    registers,
  });
  return {
    state(gateway, now) {
      for (const call of GATEWAY_CALLS)
        for (const outcome of FAILED) calls.inc({ gateway, call, outcome }, 0);
      for (const state of BREAKER_STATES) states.set({ gateway, state }, state === now ? 1 : 0);
    },
    call({ gateway, call, outcome }, seconds) {
      calls.inc({ gateway, call, outcome });
      if (seconds !== undefined) durations.observe({ gateway, call }, seconds);
    },
  };
}
