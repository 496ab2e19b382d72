import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { countAttention } from '../../domain/orders/attention';
import { countFailedWork } from '../../domain/stock/alerts/failed-work';
import type { Database } from '../../platform/database/database';
import { addProcessMetrics, createMetricsRegistry } from '../../platform/telemetry/metrics';
import type { RefusedConnection } from '../http/connections';
import type { Admission } from './admission';

export interface ApiMetrics {
  /** Everything that this process shows: the API's own, and other parts' that it was given. */
  registries: readonly Registry[];
  request(labels: { method: string; route: string; status: number }, seconds: number): void;
  /** Counts a `POST /orders` by how it ended: one of a few words. */
  placed(outcome: string): void;
  /** From the start of the saga until the order's outcome is known. */
  outcomeWaited(seconds: number): void;
  streams: Gauge;
  /** Counts a connection that was refused before there was a request. */
  refusedConnection(reason: RefusedConnection): void;
  /** Counts an event of a gateway by what became of it: one of a few words. */
  gatewayEvent(labels: { gateway: string; result: string }): void;
}

/** Buckets in seconds around what matters: a first response in 10 to 25 ms, an order's outcome in at most 10 s. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];

/** Labels are few by design: route templates, never paths, ids or SKUs. */
export function createApiMetrics(parts: {
  admission: Admission;
  reservations: { readonly pending: number };
  orderOutcomes: { readonly waiting: number };
  db: Database;
  reports: Database;
  others: readonly Registry[];
}): ApiMetrics {
  const registry = createMetricsRegistry('api');
  addProcessMetrics(registry);
  const registers = [registry];
  const requests = new Histogram({
    name: 'holdfast_http_request_duration_seconds',
    help: 'Duration of HTTP requests, by route template and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS,
    registers,
  });
  const placements = new Counter({
    name: 'holdfast_order_placements_total',
    help: 'Orders placed, by how the request ended.',
    labelNames: ['outcome'],
    registers,
  });
  const outcomeWaits = new Histogram({
    name: 'holdfast_order_outcome_wait_seconds',
    help: 'From the start of a saga until the outcome of its order is known.',
    buckets: BUCKETS,
    registers,
  });
  const refusedConnections = new Counter({
    name: 'holdfast_http_refused_connections_total',
    help: 'Connections that were refused before there was a request, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const gatewayEvents = new Counter({
    name: 'holdfast_gateway_events_total',
    help: 'Events that gateways sent, by what became of them.',
    labelNames: ['gateway', 'result'],
    registers,
  });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('holdfast_admission_running', 'Orders that are being placed.', () => parts.admission.running);
  gauge('holdfast_admission_queued', 'Orders that wait for their turn.', () => parts.admission.queued);
  gauge(
    'holdfast_reservations_pending',
    'Requests for reservations, queued or running.',
    () => parts.reservations.pending,
  );
  gauge(
    'holdfast_order_outcomes_waiting',
    'Orders whose outcome is awaited.',
    () => parts.orderOutcomes.waiting,
  );
  gauge('holdfast_db_pool_connections', 'Open database connections.', () => parts.db.pool.totalCount);
  gauge('holdfast_db_pool_idle', 'Database connections without work.', () => parts.db.pool.idleCount);
  gauge(
    'holdfast_db_pool_waiting',
    'Statements that wait for a connection.',
    () => parts.db.pool.waitingCount,
  );
  gauge(
    'holdfast_report_pool_waiting',
    'Reports and lists that wait for a connection of their pool.',
    () => parts.reports.pool.waitingCount,
  );

  /** Counted in the database at each scrape: every process of the API shows the same. Nothing while the database is away. */
  const counted = (name: string, help: string, label: string, count: () => Promise<Record<string, number>>) =>
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers,
      async collect() {
        const counts = await count().catch(() => ({}));
        this.reset();
        for (const [value, n] of Object.entries(counts)) this.set({ [label]: value }, n);
      },
    });
  counted('holdfast_attention', 'How often an order needs a person now, by reason.', 'reason', () =>
    countAttention(parts.db),
  );
  counted('holdfast_failed_work', 'Subjects on which work failed and is tried again, by work.', 'work', () =>
    countFailedWork(parts.db),
  );

  return {
    registries: [registry, ...parts.others],
    request: ({ method, route, status }, seconds) =>
      requests.observe({ method, route, status: String(status) }, seconds),
    placed: (outcome) => placements.inc({ outcome }),
    outcomeWaited: (seconds) => outcomeWaits.observe(seconds),
    refusedConnection: (reason) => refusedConnections.inc({ reason }),
    gatewayEvent: (labels) => gatewayEvents.inc(labels),
    streams: new Gauge({ name: 'holdfast_event_streams', help: 'Open streams of order events.', registers }),
  };
}
