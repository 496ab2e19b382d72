import { Counter, Histogram, type Registry } from 'prom-client';
import { EXPIRING, listenToEffects, type EffectKind } from './database/effects';
import { createDatabaseMetrics, type PoolMetrics, type PoolName } from './database/metrics';
import type { BatchObserver } from './request-batcher';
import { zeroed } from './telemetry/metrics';
import { NO_TRACER, type Tracer } from './telemetry/tracer';

/** What measures and traces the parts that a process has once, whatever else runs in it. */
export interface Observability {
  registry: Registry;
  tracer: Tracer;
  poolMetrics(pool: PoolName): PoolMetrics;
  batches: BatchObserver;
  /** Sends the last spans. */
  close(): Promise<void>;
}

/** Labels that counters begin with at zero, so that their first increase is seen as one. */
export type KnownLabels = Readonly<Record<EffectKind, readonly string[]>>;

const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];
/** Of an expiry that runs, of one that catches up, and of one after a long absence. */
const LAGS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600];
const WAITS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Names of the batchers of the product. */
const BATCHERS = ['orders', 'reservations', 'reservation_reads'];

/** @param registry of this process: the metrics are in one registry of a process only, since their names are the same in all */
export function createObservability({
  registry,
  tracer = NO_TRACER,
  known = { order_event: [], ledger_entry: [] },
}: {
  registry: Registry;
  tracer?: Tracer;
  known?: KnownLabels;
}): Observability {
  const counters = {
    order_event: effectCounter(registry, known.order_event, {
      name: 'holdfast_order_events_total',
      help: 'What happened to orders, by type of event, as this process has written it.',
      label: 'type',
    }),
    ledger_entry: effectCounter(registry, known.ledger_entry, {
      name: 'holdfast_stock_entries_total',
      help: 'Entries of the stock ledger, by kind, as this process has written them; rows of feeds not included.',
      label: 'kind',
    }),
  };
  const expiryLags = new Histogram({
    name: 'holdfast_reservation_expiry_delay_seconds',
    help: 'From when a reservation fell due until it was freed, as this process has freed it.',
    labelNames: ['of'],
    buckets: LAGS,
    registers: [registry],
  });
  for (const of of EXPIRING) expiryLags.zero({ of });
  const stopListening = listenToEffects((effect) => {
    if (effect.kind === 'reservation_expiry')
      for (const lag of effect.lags) expiryLags.observe({ of: effect.of }, lag);
    else counters[effect.kind](effect.labels);
  });
  return {
    registry,
    tracer,
    poolMetrics: createDatabaseMetrics(registry),
    batches: { ...batchMetrics(registry), tracer },
    async close() {
      stopListening();
      await tracer.close();
    },
  };
}

function effectCounter(
  registry: Registry,
  known: readonly string[],
  { name, help, label }: { name: string; help: string; label: string },
): (labels: readonly string[]) => void {
  const counter = zeroed(new Counter({ name, help, labelNames: [label], registers: [registry] }), known);
  return (labels) => {
    for (const value of labels) counter.inc({ [label]: value });
  };
}

function batchMetrics(registry: Registry): Omit<BatchObserver, 'tracer'> {
  const registers = [registry];
  const labelNames = ['batcher'];
  const sizes = new Histogram({
    name: 'holdfast_batch_size',
    help: 'Requests in one batch.',
    labelNames,
    buckets: SIZES,
    registers,
  });
  const waits = new Histogram({
    name: 'holdfast_batch_wait_seconds',
    help: 'From when a request was given to a batcher until its batch began.',
    labelNames,
    buckets: WAITS,
    registers,
  });
  for (const batcher of BATCHERS) {
    sizes.zero({ batcher });
    waits.zero({ batcher });
  }
  return {
    waited: (batcher, seconds) => waits.observe({ batcher }, seconds),
    began: (batcher, size) => sizes.observe({ batcher }, size),
  };
}
