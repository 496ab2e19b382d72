import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { GATEWAY_EVENT_RESULTS } from '../../domain/payments/gateway-event-types';
import type { Database } from '../../platform/database/database';
import { addProcessMetrics, zeroed } from '../../platform/telemetry/metrics';
import { REFUSED_CONNECTIONS, type RefusedConnection } from '../http/connections';
import { PROBLEM_CODES, type ProblemCode } from '../http/problems';
import { SOCKET_ENDS, SOCKET_READS, type SocketMetrics } from '../sockets/types';
import { SLOT_LIMITS, SLOT_SHARES, type SlotMetrics } from '../streams/stream-slots';
import type { Admission } from './admission';
import { addCountedMetrics } from './counted-metrics';

/** How `POST /orders` ended. */
const PLACEMENT_OUTCOMES = [
  'reserved',
  'rejected',
  'out_of_stock',
  'unknown_sku',
  'backorder_limit',
  'unpaid_limit',
  'failed',
  'undecided',
  'replayed',
] as const;
export type PlacementOutcome = (typeof PLACEMENT_OUTCOMES)[number];

export interface ApiMetrics {
  /** Everything that this process shows: the API's own, and other parts' that it was given. */
  registries: readonly Registry[];
  request(labels: { method: string; route: string; status: number }, seconds: number): void;
  /** Counts a response that is a problem. */
  problem(code: ProblemCode): void;
  /** Counts a request whose `X-Forwarded-For` is not believed. */
  untrustedForward(): void;
  /** Counts a `POST /orders` by how it ended. */
  placed(outcome: PlacementOutcome): void;
  /** From the start of the saga until the order's outcome is known. */
  outcomeWaited(seconds: number): void;
  streams: Gauge;
  /** Counts a stream that was dropped, since its client did not take what it was told. */
  streamDropped(): void;
  streamSlots: SlotMetrics;
  webSockets: SocketMetrics;
  /** Counts a connection that was refused before there was a request. */
  refusedConnection(reason: RefusedConnection): void;
  /** Counts an event of a gateway by what became of it: one of a few words. */
  gatewayEvent(labels: { gateway: string; result: string }): void;
}

/** `holdfast doctor` reads it. */
export const UNTRUSTED_FORWARDS = 'holdfast_http_untrusted_forwards_total';

/** Buckets in seconds around what matters: a first response in 10 to 25 ms, an order's outcome in at most 10 s. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];

/** Normally some tenths of a second; a notice that was lost makes it some seconds. */
const LAG_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Labels are few by design: route templates, never paths, ids or SKUs. */
export function createApiMetrics(parts: {
  admission: Admission;
  reservations: { readonly pending: number };
  orderOutcomes: { readonly waiting: number };
  db: Database;
  /** Of the process, where its own metrics go. */
  registry: Registry;
  others: readonly Registry[];
}): ApiMetrics {
  const { registry } = parts;
  addProcessMetrics(registry);
  const registers = [registry];
  const requests = new Histogram({
    name: 'holdfast_http_request_duration_seconds',
    help: 'Duration of HTTP requests, by route template and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS,
    registers,
  });
  const responses = zeroed(
    new Counter({
      name: 'holdfast_http_responses_total',
      help: 'Responses, by class of status.',
      labelNames: ['class'],
      registers,
    }),
    ['1xx', '2xx', '3xx', '4xx', '5xx'],
  );
  const problems = zeroed(
    new Counter({
      name: 'holdfast_http_problems_total',
      help: 'Responses that are problems, by code.',
      labelNames: ['code'],
      registers,
    }),
    PROBLEM_CODES,
  );
  const untrustedForwards = new Counter({
    name: UNTRUSTED_FORWARDS,
    help: 'Requests with an X-Forwarded-For from an address that TRUSTED_PROXIES does not name.',
    registers,
  });
  const placements = zeroed(
    new Counter({
      name: 'holdfast_order_placements_total',
      help: 'Orders placed, by how the request ended.',
      labelNames: ['outcome'],
      registers,
    }),
    PLACEMENT_OUTCOMES,
  );
  const outcomeWaits = new Histogram({
    name: 'holdfast_order_outcome_wait_seconds',
    help: 'From the start of a saga until the outcome of its order is known.',
    buckets: BUCKETS,
    registers,
  });
  const refusedConnections = zeroed(
    new Counter({
      name: 'holdfast_http_refused_connections_total',
      help: 'Connections that were refused before there was a request, by reason.',
      labelNames: ['reason'],
      registers,
    }),
    REFUSED_CONNECTIONS,
  );
  const gatewayEvents = new Counter({
    name: 'holdfast_gateway_events_total',
    help: 'Events that gateways sent, by what became of them.',
    labelNames: ['gateway', 'result'],
    registers,
  });
  for (const result of [...GATEWAY_EVENT_RESULTS, 'refused'])
    gatewayEvents.inc({ gateway: 'stripe', result }, 0);
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

  const openSockets = new Gauge({ name: 'holdfast_websockets', help: 'Open WebSockets.', registers });
  const socketEnds = zeroed(
    new Counter({
      name: 'holdfast_websockets_ended_total',
      help: 'WebSockets that have ended, by how.',
      labelNames: ['how'],
      registers,
    }),
    SOCKET_ENDS,
  );
  const liveLags = new Histogram({
    name: 'holdfast_live_lag_seconds',
    help: 'From when something came about until it was sent by WebSocket.',
    buckets: LAG_BUCKETS,
    registers,
  });

  const liveReadFailures = zeroed(
    new Counter({
      name: 'holdfast_live_read_failures_total',
      help: 'Reads for WebSockets that failed and are tried again, by topic.',
      labelNames: ['what'],
      registers,
    }),
    SOCKET_READS,
  );
  const livePlaces = new Gauge({
    name: 'holdfast_live_places_used_ratio',
    help: 'Of the places for WebSockets and streams of this process, the share that is taken: of all, and of those that the public may have.',
    labelNames: ['of'],
    registers,
  });
  for (const of of SLOT_SHARES) livePlaces.set({ of }, 0);
  const liveRefusals = zeroed(
    new Counter({
      name: 'holdfast_live_refused_total',
      help: 'WebSockets and streams that were refused, by whose limit was reached.',
      labelNames: ['limit'],
      registers,
    }),
    SLOT_LIMITS,
  );
  const streamsDropped = new Counter({
    name: 'holdfast_event_streams_dropped_total',
    help: 'Streams of events that were dropped, since their client did not take what it was told.',
    registers,
  });

  addCountedMetrics(registry, parts.db);

  return {
    registries: [registry, ...parts.others],
    request({ method, route, status }, seconds) {
      requests.observe({ method, route, status: String(status) }, seconds);
      responses.inc({ class: `${Math.floor(status / 100)}xx` });
    },
    problem: (code) => problems.inc({ code }),
    untrustedForward: () => untrustedForwards.inc(),
    placed: (outcome) => placements.inc({ outcome }),
    outcomeWaited: (seconds) => outcomeWaits.observe(seconds),
    refusedConnection: (reason) => refusedConnections.inc({ reason }),
    gatewayEvent: (labels) => gatewayEvents.inc(labels),
    webSockets: {
      began: () => openSockets.inc(),
      ended(how) {
        openSockets.dec();
        socketEnds.inc({ how });
      },
      lag: (seconds) => liveLags.observe(seconds),
      readFailed: (what) => liveReadFailures.inc({ what }),
    },
    streamSlots: {
      used: (of, share) => livePlaces.set({ of }, share),
      refused: (limit) => liveRefusals.inc({ limit }),
    },
    streamDropped: () => streamsDropped.inc(),
    streams: new Gauge({ name: 'holdfast_event_streams', help: 'Open streams of events.', registers }),
  };
}
