import { createConsistencyActivities } from '../activities/consistency';
import { createFeedActivities } from '../activities/feeds';
import { createForecastActivities } from '../activities/forecasts';
import { createFulfilmentActivities } from '../activities/fulfilment';
import { createMailActivities } from '../activities/mails';
import { createMaintenanceActivities } from '../activities/maintenance';
import { createOrderActivities } from '../activities/orders';
import { createPaymentActivities } from '../activities/payments';
import { createReconcileActivities } from '../activities/reconcile';
import { createRetentionActivities } from '../activities/retention';
import { createReconciliationActivities } from '../activities/reconciliation';
import { createReservationActivities } from '../activities/reservations';
import { createReportActivities } from '../activities/reports';
import { createSettlementActivities } from '../activities/settlement';
import { createTransferActivities } from '../activities/transfers';
import { createWebhookActivities } from '../activities/webhooks';
import { createWarehousingActivities } from '../activities/warehousing';
import type { OrderAmender } from '../domain/ordering/amendments/amend';
import type { createOrderReserver } from '../domain/ordering/order-reserver';
import type { StockLedger } from '../domain/stock/ledger/stock-ledger';
import type { MailOutcome } from '../domain/notifications/types';
import { createWebhookSecrets } from '../domain/webhooks/secrets';
import type { TryOutcome } from '../domain/webhooks/types';
import { askLimitMs, payloadKeysOf, type Settings } from '../platform/config';
import { VERSION } from '../platform/version';
import type { Logger } from '../platform/telemetry/log';
import { describeOrderWorkflow, type EnsureOrderContext } from './ensure/ensure-order-workflow';
import type { Integrations } from './integrations';
import { keptDaysOf } from './kept-days';
import { createReconcileSubjects } from './reconcile-subjects';
import { orderSlots } from './task-queue-workers';

export interface ActivityContext extends EnsureOrderContext, Integrations {
  settings: Settings;
  stock: StockLedger;
  reserver: ReturnType<typeof createOrderReserver>;
  amender: OrderAmender;
  /** Counts what became of a try of a delivery to a webhook. */
  onWebhookTried: (outcome: TryOutcome) => void;
  /** Counts what became of a try to send a mail. */
  onMailTried: (outcome: MailOutcome) => void;
  /** The file of the threads that forecast; absent: the product's. */
  forecastThread?: string | undefined;
  log: Logger;
}

/** What is younger is not yet called stuck or orphaned: it may be on its way. */
const CONSISTENCY_GRACE_SECONDS = 300;
/** More would only wait for the database's connections. */
const MOST_BRIEF_CALLS = 32;
/** How long an import waits for a database that is slow or failing before it tries one batch. */
const FEED_PAUSE_MS = 5_000;

/** All activities, by the task queue that they are run from. */
export function createActivities(context: ActivityContext): {
  orders: object;
  payments: object;
  jobs: object;
} {
  const { db, stock, engine, settings, reserver, amender, gateways, carriers, log } = context;
  const [carrier] = carriers;
  if (!carrier) throw new Error('no carrier is set up');
  const { dispatchShipments, stopShipments } = createFulfilmentActivities({
    db,
    carriers,
    callTimeoutMs: settings.CARRIER_CALL_TIMEOUT_MS,
    log,
  });
  const { askGateway, askGatewayBriefly } = createPaymentActivities({
    db,
    gatewayNamed: gateways.named,
    carrier: carrier.name,
    log,
    actionSeconds: settings.PAYMENT_ACTION_SECONDS,
    lapseMarginSeconds: settings.AUTHORIZATION_MARGIN_SECONDS,
    limitMs: askLimitMs(settings),
    // Those that run and those that wait: half of the slots at most.
    briefCalls: Math.min(MOST_BRIEF_CALLS, Math.floor(orderSlots(settings) / 4)),
  });
  return {
    orders: {
      ...createOrderActivities({
        db,
        reserver,
        amender,
        gateway: gateways.current.name,
        attemptLimit: settings.PAYMENT_ATTEMPTS,
        amendmentLimit: settings.AMENDMENTS,
        carrier: carrier.name,
        lapseAction: settings.AUTHORIZATION_LAPSE,
      }),
      askGatewayBriefly,
      stopShipments,
    },
    payments: { askGateway },
    jobs: {
      dispatchShipments,
      ...createFeedActivities({
        db,
        stock,
        lanes: settings.FEED_LANES,
        throttle: {
          maxRows: settings.FEED_BATCH_ROWS,
          slowMs: settings.FEED_SLOW_BATCH_MS,
          pauseMs: FEED_PAUSE_MS,
        },
        log,
      }),
      ...createConsistencyActivities({
        db,
        describe: (orderId) => describeOrderWorkflow(context, orderId),
        graceSeconds: CONSISTENCY_GRACE_SECONDS,
        log,
      }),
      ...createSettlementActivities({
        db,
        parts: settings.JOB_WORKERS,
        batch: settings.JOB_BATCH_SIZE,
        store: context.files,
      }),
      ...createForecastActivities({
        db,
        strategy: settings.SOURCING_STRATEGY,
        threadScript: context.forecastThread,
      }),
      ...createReportActivities({ db, store: context.files, zones: settings.REPORT_ZONES }),
      ...createReconciliationActivities({ db }),
      ...createReservationActivities({ db, stock }),
      ...createWarehousingActivities({ db, expiryNearDays: settings.EXPIRY_NEAR_DAYS }),
      ...createTransferActivities({ db }),
      ...createReconcileActivities({
        subjects: createReconcileSubjects(context),
        db,
        engine,
        log,
      }),
      ...createMaintenanceActivities({
        db,
        partitionsAhead: settings.LEDGER_PARTITIONS_AHEAD,
        retentionMonths: settings.LEDGER_RETENTION_MONTHS,
        log,
      }),
      ...createWebhookActivities({
        db,
        secrets: createWebhookSecrets(payloadKeysOf(settings)),
        send: context.sendWebhook,
        userAgent: `Holdfast/${VERSION}`,
        onTried: context.onWebhookTried,
        log,
      }),
      ...createMailActivities({
        db,
        mailer: context.mailer,
        pagesUrl: settings.ACCOUNT_PAGES_URL,
        onTried: context.onMailTried,
        log,
      }),
      ...createRetentionActivities({ db, files: context.files, keptDays: keptDaysOf(settings), log }),
    },
  };
}
