import { tracedWithin, type SpanOptions, type Tracer } from '../telemetry/tracer';
import type { PoolMetrics } from './metrics';

/** How each statement of a pool is measured and traced. */
export type ObserveStatement = <Result>(name: string, run: () => Promise<Result>) => Promise<Result>;

/** A span for each statement of work that is traced, named as the statement is, and never with its values. */
const SPAN = {
  kind: 'client',
  attributes: { 'db.system.name': 'postgresql' },
} as const satisfies SpanOptions;

export function createStatementObserver(metrics: PoolMetrics, tracer: Tracer): ObserveStatement {
  return async (name, run) => {
    const began = performance.now();
    let failed = true;
    try {
      const result = await tracedWithin(tracer, name, SPAN, run);
      failed = false;
      return result;
    } finally {
      metrics.statement(name, (performance.now() - began) / 1_000, failed);
    }
  };
}
