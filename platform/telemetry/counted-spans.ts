import type { ExportResult } from '@opentelemetry/core';
import type { SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { Counter, type Registry } from 'prom-client';
import type { Logger } from './log';
import { zeroed } from './metrics';

/** What becomes of a span that is recorded: the collector has it, it did not take it in time, or too many waited already. */
const SPAN_OUTCOMES = ['sent', 'failed', 'dropped'] as const;

export type CountSpans = (outcome: (typeof SPAN_OUTCOMES)[number], spans: number) => void;

/** Counts spans in this registry, from zero on whether anything is traced or not. */
export function createSpanCounter(registry: Registry): CountSpans {
  const counter = zeroed(
    new Counter({
      name: 'holdfast_trace_spans_total',
      help: 'Spans that were recorded, by what became of them.',
      labelNames: ['outcome'],
      registers: [registry],
    }),
    SPAN_OUTCOMES,
  );
  return (outcome, spans) => counter.inc({ outcome }, spans);
}

/**
 * Hands spans to `batch`, and counts what becomes of each. OpenTelemetry's own processor drops those beyond its limit uncounted, so
 * the limit is kept here.
 */
export function countedSpans(
  exporter: SpanExporter,
  options: {
    /** Spans that may wait to be sent; those beyond are dropped. */
    limit: number;
    isSent(result: ExportResult): boolean;
    isSampled(flags: number): boolean;
    /** Sends spans together by this exporter. */
    batch(exporter: SpanExporter): SpanProcessor;
    count: CountSpans;
    log: Logger;
  },
): SpanProcessor {
  const { limit, isSent, isSampled, count, log } = options;
  let waiting = 0;
  let dropped = 0;
  const batches = options.batch({
    export(spans, done) {
      waiting -= spans.length;
      exporter.export(spans, (result) => {
        count(isSent(result) ? 'sent' : 'failed', spans.length);
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  });

  return {
    onStart: (span, context) => batches.onStart(span, context),
    onEnd(span) {
      if (!isSampled(span.spanContext().traceFlags)) return;
      if (waiting >= limit) {
        dropped += 1;
        count('dropped', 1);
        return;
      }
      if (dropped > 0)
        log.warn({ part: 'traces', dropped }, 'spans were dropped: too many waited to be sent');
      dropped = 0;
      waiting += 1;
      batches.onEnd(span);
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  };
}
