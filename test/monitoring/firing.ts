/** A series, with its values a minute apart as promtool writes them. */
export type Series = readonly [series: string, values: string];

interface Firing {
  /** With these it fires, once the rule's `for` is over. */
  fires: readonly Series[];
  /** Labels of what fires beside the rule's own, one entry for each alert. */
  as?: readonly Readonly<Record<string, string>>[];
  /** With these it never does, from this minute on; from the beginning unless given. */
  silent: readonly Series[];
  silentFrom?: number;
}

/** Every value from the first minute to long after each rule's `for`. */
const always = (value: number | string) => `${value}x240`;
/** A counter that grows by so much a minute. */
const growing = (by: number) => `0+${by}x240`;
/** Nothing at first: the SDK shows a counter from its first event on. */
const since = (minute: number) => `_x${minute} 1x${240 - minute}`;

const problems = (code: string, by: number): Series => [
  `holdfast_http_problems_total{code="${code}",job="holdfast-api"}`,
  growing(by),
];
/** Of a problem that comes again and again; another one says nothing. */
const byProblem = (code: string): Firing => ({
  fires: [problems(code, 1)],
  silent: [problems(code, 0), problems('NOT_FOUND', 1)],
});
/** An alert of the product; an acknowledged one counts as none. */
const byKind = (kind: string, severity: string): Firing => ({
  // Two processes of the API show the same.
  fires: [
    [`holdfast_alerts{kind="${kind}",severity="${severity}",instance="a"}`, always(2)],
    [`holdfast_alerts{kind="${kind}",severity="${severity}",instance="b"}`, always(2)],
  ],
  silent: [
    [`holdfast_alerts{kind="${kind}",severity="${severity}"}`, always(0)],
    ['holdfast_alerts{kind="another",severity="none"}', always(1)],
  ],
});
/** @param madeUpWithin minutes: all was off for long, and what had waited is done so long after the start */
const byAge = (metric: string, limit: number, madeUpWithin = 1): Firing => ({
  fires: [[metric, always(limit + 1)]],
  silent: [
    [metric, always(limit)],
    [`${metric}{instance="was-off"}`, `_x4 ${10 * limit}x${madeUpWithin} 0x200`],
  ],
});

/** One of a hundred takes longer than so many seconds. */
const bySlowOnes = (metric: string, seconds: number): Firing => {
  const within = (bound: number | '+Inf', each: number): Series => [
    `${metric}_bucket{le="${bound}"}`,
    growing(each),
  ];
  return {
    fires: [within(seconds, 98), within(5 * seconds, 100), within('+Inf', 100)],
    silent: [within(seconds, 100), within(5 * seconds, 100), within('+Inf', 100)],
  };
};

const failures = (type: string, instance: string) =>
  `temporal_workflow_failed_total{workflow_type="${type}",instance="${instance}"}`;

/** For every rule of `deploy/`: with what it fires, and with what it does not. */
export const FIRING: Readonly<Record<string, Firing>> = {
  HoldfastOrderNeedsPerson: {
    fires: [
      ['holdfast_attention{reason="refund_failed",severity="warning",instance="a"}', always(1)],
      ['holdfast_attention{reason="refund_failed",severity="warning",instance="b"}', always(1)],
      ['holdfast_attention{reason="disputed",severity="warning"}', always(3)],
    ],
    as: [{ reason: 'refund_failed' }, { reason: 'disputed' }],
    silent: [
      ['holdfast_attention{reason="refund_failed",severity="warning"}', always(0)],
      ['holdfast_attention{reason="blocked_left",severity="critical"}', always(1)],
    ],
  },
  HoldfastOrderNeedsPersonNow: {
    fires: [['holdfast_attention{reason="blocked_left",severity="critical"}', always(1)]],
    as: [{ reason: 'blocked_left' }],
    silent: [
      ['holdfast_attention{reason="blocked_left",severity="critical"}', always(0)],
      ['holdfast_attention{reason="refund_failed",severity="warning"}', always(1)],
    ],
  },
  HoldfastOrdersFail: {
    fires: [['holdfast_order_placements_total{outcome="failed"}', growing(1)]],
    silent: [
      ['holdfast_order_placements_total{outcome="failed"}', always(7)],
      ['holdfast_order_placements_total{outcome="reserved"}', growing(60)],
    ],
  },
  HoldfastOrderOutcomesSlow: bySlowOnes('holdfast_order_outcome_wait_seconds', 1),
  HoldfastSagasFail: {
    fires: [
      ...['a', 'c', 'd'].map((instance): Series => [`up{instance="${instance}"}`, always(1)]),
      ['up{instance="new"}', since(33)],
      ['process_start_time_seconds{instance="new"}', `_x33 ${33 * 60}x200`],
      // The first failure makes the counter.
      [failures('ledgerSeal', 'a'), since(35)],
      [failures('feed', 'new'), since(35)],
      [failures('orderSaga', 'a'), '2x34 3x150'],
      // Two that have failed, have started again, and fail once more; the counter of one was not seen for long.
      [failures('returns', 'c'), '4x30 _x3 1x200'],
      [failures('transfer', 'd'), '4x10 _x24 1x200'],
      [failures('stockUpkeep', 'a'), always(4)],
    ],
    as: ['feed', 'ledgerSeal', 'orderSaga', 'returns', 'transfer'].map((workflow_type) => ({
      workflow_type,
    })),
    silent: [
      ['up{instance="a"}', always(1)],
      // A failure half an hour ago; one before a start.
      [failures('orderSaga', 'a'), '0x5 5x220'],
      [failures('reconcile', 'a'), '4x25 _x200'],
      // A process that ran long before Prometheus did, and one that did not respond for a while.
      ['up{instance="before"}', '_x22 1x200'],
      ['process_start_time_seconds{instance="before"}', '_x22 -86400x200'],
      [failures('feed', 'before'), '_x22 1x200'],
      ['up{instance="away"}', '1x4 0x20 1x200'],
      ['process_start_time_seconds{instance="away"}', '-86400x4 _x20 -86400x200'],
      [failures('returns', 'away'), '3x4 _x20 3x200'],
    ],
    silentFrom: 25,
  },
  HoldfastWorkFailed: {
    fires: [['holdfast_failed_work{work="book_shipment"}', always(1)]],
    as: [{ work: 'book_shipment' }],
    // It succeeds within ten minutes each time.
    silent: [['holdfast_failed_work{work="book_shipment"}', '1x8 0x0 1x8 0x0 1x8 0x200']],
  },
  HoldfastShipmentsWait: byAge('holdfast_shipment_oldest_seconds', 300),
  HoldfastReservationsExpireLate: byAge('holdfast_reservation_expiry_lag_seconds', 60),
  HoldfastReservationsExpireSlowly: bySlowOnes('holdfast_reservation_expiry_delay_seconds', 10),
  HoldfastLedgerPartitionsRunOut: {
    fires: [['holdfast_ledger_partitions_ahead', always(1)]],
    silent: [['holdfast_ledger_partitions_ahead', always(2)]],
  },
  HoldfastLedgerTampered: byKind('ledger_tampered', 'critical'),
  HoldfastLedgerDrift: byKind('ledger_drift', 'critical'),
  HoldfastSealsBehind: {
    fires: [
      ['holdfast_unsealed_oldest_seconds{log="ledger"}', always(601)],
      ['holdfast_unsealed_oldest_seconds{log="audit_log"}', always(30)],
      ['holdfast_unsealed_oldest_seconds{log="money_ledger"}', always(601)],
    ],
    as: [{ log: 'ledger' }, { log: 'money_ledger' }],
    silent: [
      ['holdfast_unsealed_oldest_seconds{log="ledger"}', always(600)],
      ['holdfast_unsealed_oldest_seconds{log="audit_log"}', always(0)],
    ],
  },
  HoldfastChecksBehind: byAge('holdfast_consistency_check_age_seconds', 10_800, 12),
  HoldfastLedgerFoldOverdue: byAge('holdfast_ledger_fold_overdue_seconds', 172_800, 50),
  HoldfastAnalyticsBehind: byAge('holdfast_analytics_behind_seconds', 900),
  HoldfastRecall: byKind('recall', 'warning'),
  HoldfastCountShort: byKind('count_short', 'warning'),
  HoldfastTransferOverdue: byKind('transfer_overdue', 'warning'),
  HoldfastReservationStopped: byKind('reservation_stopped', 'warning'),
  HoldfastStockLevels: { ...byKind('low_stock', 'info'), as: [{ kind: 'low_stock' }] },
  HoldfastReservationsQueue: {
    fires: [
      ['holdfast_reservations_pending{instance="a"}', always(501)],
      ['holdfast_reservations_pending{instance="b"}', always(500)],
    ],
    silent: [['holdfast_reservations_pending{instance="a"}', always(1_000)]],
  },
  HoldfastChargeUnknown: byAge('holdfast_charge_oldest_seconds', 600),
  HoldfastRefundNotMade: byAge('holdfast_refund_oldest_seconds', 600),
  HoldfastGatewayDoesNotRespond: {
    fires: [
      ['holdfast_gateway_breaker_state{gateway="stripe",state="open"}', always(1)],
      ['holdfast_gateway_breaker_state{gateway="stripe",state="closed"}', always(0)],
    ],
    as: [{ gateway: 'stripe' }],
    silent: [
      ['holdfast_gateway_breaker_state{gateway="stripe",state="open"}', always(0)],
      ['holdfast_gateway_breaker_state{gateway="stripe",state="closed"}', always(1)],
    ],
  },
  HoldfastGatewayEventsRefused: {
    fires: [['holdfast_gateway_events_total{gateway="stripe",result="refused"}', growing(1)]],
    as: [{ gateway: 'stripe' }],
    silent: [
      ['holdfast_gateway_events_total{gateway="stripe",result="refused"}', always(3)],
      ['holdfast_gateway_events_total{gateway="stripe",result="applied"}', growing(5)],
    ],
  },
  HoldfastErasureWaits: byAge('holdfast_erasure_oldest_seconds', 7_200),
  HoldfastOutboxOld: byAge('holdfast_outbox_oldest_seconds', 60),
  HoldfastEventsBehind: byAge('holdfast_events_unnumbered_oldest_seconds', 60),
  HoldfastReportsBehind: byAge('holdfast_reports_behind_oldest_seconds', 900),
  HoldfastMailsBehind: byAge('holdfast_mail_oldest_seconds', 600),
  HoldfastMailsFail: {
    fires: [
      ['holdfast_mails_total{outcome="postponed",instance="a"}', growing(2)],
      ['holdfast_mails_total{outcome="failed",instance="a"}', always(0)],
      ['holdfast_mails_total{outcome="sent",instance="a"}', growing(1)],
    ],
    silent: [
      ['holdfast_mails_total{outcome="postponed"}', growing(1)],
      ['holdfast_mails_total{outcome="failed"}', always(5)],
      ['holdfast_mails_total{outcome="sent"}', growing(5)],
      ['holdfast_mails_total{outcome="bounced"}', growing(9)],
    ],
  },
  HoldfastMailsAway: {
    fires: [
      ['holdfast_mail_failing_oldest_seconds', always(7_300)],
      ['holdfast_mails_total{outcome="sent"}', always(5)],
    ],
    silent: [
      ['holdfast_mail_failing_oldest_seconds', always(7_300)],
      ['holdfast_mails_total{outcome="sent"}', growing(1)],
    ],
  },
  HoldfastNotificationsBehind: byAge('holdfast_notification_oldest_seconds', 300),
  HoldfastWebhooksBehind: byAge('holdfast_webhook_delivery_oldest_seconds', 600),
  HoldfastWebhookDeliveriesFail: {
    fires: [['holdfast_webhook_deliveries_total{outcome="failed",instance="a"}', growing(1)]],
    silent: [
      ['holdfast_webhook_deliveries_total{outcome="failed"}', always(3)],
      ['holdfast_webhook_deliveries_total{outcome="postponed"}', growing(5)],
      ['holdfast_webhook_deliveries_total{outcome="delivered"}', growing(5)],
    ],
  },
  HoldfastJobsFail: {
    fires: [
      ['holdfast_jobs{type="feed",status="failed",instance="a"}', always(1)],
      ['holdfast_jobs{type="feed",status="failed",instance="b"}', always(1)],
    ],
    as: [{ type: 'feed' }],
    silent: [
      ['holdfast_jobs{type="feed",status="failed"}', always(0)],
      ['holdfast_jobs{type="feed",status="completed"}', always(9)],
    ],
  },
  HoldfastWorkerSlotsUsedUp: {
    fires: [
      [
        'temporal_worker_task_slots_available{task_queue="orders",worker_type="ActivityWorker",instance="a"}',
        always(0),
      ],
      [
        'temporal_worker_task_slots_available{task_queue="orders",worker_type="ActivityWorker",instance="b"}',
        always(9),
      ],
    ],
    as: [{ task_queue: 'orders', worker_type: 'ActivityWorker' }],
    silent: [
      ['temporal_worker_task_slots_available{task_queue="orders",worker_type="ActivityWorker"}', always(1)],
    ],
  },
  HoldfastProcessDown: {
    fires: [
      ['up{job="holdfast-api",instance="a:8080"}', always(0)],
      ['up{job="holdfast-api",instance="b:8080"}', always(1)],
    ],
    as: [{ job: 'holdfast-api', instance: 'a:8080' }],
    silent: [
      ['up{job="holdfast-api",instance="a:8080"}', always(1)],
      ['up{job="another",instance="c:80"}', always(0)],
    ],
  },
  HoldfastApiFails: byProblem('INTERNAL'),
  HoldfastDatabaseAway: byProblem('DATABASE_UNAVAILABLE'),
  HoldfastTemporalAway: byProblem('ENGINE_UNAVAILABLE'),
  HoldfastOverloaded: byProblem('OVERLOADED'),
  HoldfastPoolExhausted: {
    fires: [['holdfast_db_pool_waiting{job="holdfast-api",pool="main"}', always(1)]],
    as: [{ job: 'holdfast-api', pool: 'main' }],
    silent: [['holdfast_db_pool_waiting{job="holdfast-api",pool="main"}', '3x3 0x0 3x3 0x230']],
  },
  HoldfastEventLoopLate: {
    fires: [['nodejs_eventloop_lag_p99_seconds{job="holdfast-api",instance="a:8080"}', always(0.6)]],
    as: [{ job: 'holdfast-api', instance: 'a:8080' }],
    silent: [['nodejs_eventloop_lag_p99_seconds{job="holdfast-api",instance="a:8080"}', always(0.5)]],
  },
  HoldfastLiveRefused: {
    fires: [['holdfast_live_refused_total{limit="process",instance="a"}', growing(1)]],
    silent: [
      ['holdfast_live_refused_total{limit="process"}', always(4)],
      ['holdfast_live_refused_total{limit="caller"}', growing(9)],
    ],
  },
  HoldfastLiveNearlyFull: {
    fires: [
      ['holdfast_live_places_used_ratio{job="holdfast-api",instance="a:8080",of="public"}', always(0.95)],
      ['holdfast_live_places_used_ratio{job="holdfast-api",instance="a:8080",of="all"}', always(0.76)],
      ['holdfast_live_places_used_ratio{job="holdfast-api",instance="b:8080",of="all"}', always(1)],
    ],
    as: [
      { job: 'holdfast-api', instance: 'a:8080', of: 'public' },
      { job: 'holdfast-api', instance: 'b:8080', of: 'all' },
    ],
    silent: [
      ['holdfast_live_places_used_ratio{job="holdfast-api",instance="a:8080",of="all"}', always(0.9)],
      // For some minutes, after another process has stopped.
      ['holdfast_live_places_used_ratio{job="holdfast-api",instance="a:8080",of="public"}', '1x3 0.5x236'],
    ],
  },
  HoldfastLiveClientsDropped: {
    fires: [
      ['holdfast_websockets_ended_total{how="slow",instance="a"}', growing(1)],
      ['holdfast_websockets_ended_total{how="left",instance="a"}', growing(2)],
      ['holdfast_event_streams_dropped_total{instance="a"}', growing(1)],
    ],
    silent: [
      // Half of all, and few; many, of very many.
      ['holdfast_websockets_ended_total{how="slow",instance="few"}', '0x10 1x10 2x10 3x210'],
      ['holdfast_websockets_ended_total{how="slow",instance="many"}', growing(5)],
      ['holdfast_websockets_ended_total{how="left",instance="many"}', growing(100)],
      ['holdfast_event_streams_dropped_total{instance="many"}', growing(1)],
    ],
  },
  HoldfastLiveReadsFail: {
    fires: [['holdfast_live_read_failures_total{what="orders",instance="a"}', growing(1)]],
    silent: [
      ['holdfast_live_read_failures_total{what="orders",instance="a"}', always(20)],
      // For a moment, while the database was started again.
      ['holdfast_live_read_failures_total{what="sign_in",instance="a"}', '0x10 90x230'],
    ],
  },
  HoldfastConnectionsRefused: {
    fires: [['holdfast_http_refused_connections_total{reason="too_many"}', growing(1)]],
    silent: [
      ['holdfast_http_refused_connections_total{reason="too_many"}', always(0)],
      ['holdfast_http_refused_connections_total{reason="malformed"}', growing(1)],
    ],
  },
};
