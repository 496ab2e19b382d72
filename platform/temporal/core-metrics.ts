import type { MetricTags } from '@temporalio/common';
import { MetricsBuffer, type BufferedMetricUpdate } from '@temporalio/worker';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Updates that the SDK keeps until they are taken: some seconds of the busiest process. */
const BUFFERED = 100_000;
const TAKEN_EVERY_MS = 1_000;

/**
 * Labels that are kept of the SDK's metrics; it may add others at any time. None of them grows with data: types of workflows and
 * activities, task queues and calls are few.
 */
const LABELS = [
  'namespace',
  'task_queue',
  'workflow_type',
  'activity_type',
  'poller_type',
  'worker_type',
  'operation',
  'status_code',
  'failure_reason',
] as const;

/** Seconds, from a workflow task to an activity that waits for a third party. */
const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

type Update = (labels: Partial<Record<string, string>>, value: number) => void;

export interface CoreMetrics {
  /** For the telemetry options of the SDK's runtime. */
  buffer: MetricsBuffer;
  /** Takes nothing more from it. */
  stop(): void;
}

/**
 * Shows the metrics of Temporal's SDK, as its documentation names them, with `_total` behind counters and `_seconds` behind durations.
 * They are taken from the SDK's buffer each second, so that they need
 * no port of their own.
 */
export function createCoreMetrics(registry: Registry): CoreMetrics {
  const buffer = new MetricsBuffer({ maxBufferSize: BUFFERED, useSecondsForDurations: true });
  const known = new Map<string, Update>();
  function take(): void {
    for (const update of buffer.retrieveUpdates()) {
      const { metric, value, attributes } = update;
      const apply = known.get(metric.name) ?? add(registry, update);
      known.set(metric.name, apply);
      apply(keptOf(attributes), value);
    }
  }
  const timer = setInterval(take, TAKEN_EVERY_MS).unref();
  return { buffer, stop: () => clearInterval(timer) };
}

function add(registry: Registry, { metric }: BufferedMetricUpdate): Update {
  const name = metric.name.startsWith('temporal_') ? metric.name : `temporal_${metric.name}`;
  const about = {
    help: metric.description ?? 'Of the Temporal SDK.',
    labelNames: [...LABELS],
    registers: [registry],
  };
  switch (metric.kind) {
    case 'counter': {
      const counter = new Counter({ ...about, name: `${name}_total` });
      return (labels, value) => counter.inc(labels, value);
    }
    case 'histogram': {
      const histogram = new Histogram({ ...about, name: `${name}_seconds`, buckets: SECONDS });
      return (labels, value) => histogram.observe(labels, value);
    }
    case 'up-down-counter': {
      const gauge = new Gauge({ ...about, name });
      return (labels, value) => gauge.inc(labels, value);
    }
    case 'gauge': {
      const gauge = new Gauge({ ...about, name });
      return (labels, value) => gauge.set(labels, value);
    }
  }
}

function keptOf(attributes: MetricTags): Partial<Record<string, string>> {
  return Object.fromEntries(
    LABELS.flatMap((label) => {
      const value = attributes[label];
      return value === undefined ? [] : [[label, String(value)]];
    }),
  );
}
