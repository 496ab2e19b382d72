import type { Registry } from 'prom-client';
import { countJobs, readBacklog, type Backlog } from '../../domain/assurance/backlog';
import { readUnsealed } from '../../domain/assurance/seals/unsealed';
import { unnumberedSeconds } from '../../domain/event-log/sequencer';
import { countMailsWaiting, mailsDueSeconds, mailsFailingSeconds } from '../../domain/notifications/dispatch';
import { notificationsBehindSeconds } from '../../domain/notifications/plan';
import { countAttention } from '../../domain/orders/attention';
import { countOpenAlerts } from '../../domain/orders/open-alerts';
import { reportsBehindSeconds } from '../../domain/reports/sums';
import { countFailedWork } from '../../domain/stock/alerts/failed-work';
import { webhooksDueSeconds } from '../../domain/webhooks/dispatch';
import type { Database } from '../../platform/database/database';
import { addCountedGauge, addCountedNumber, briefly } from '../../platform/telemetry/counted-gauge';

const BACKLOG: Readonly<Record<keyof Backlog, { name: string; help: string }>> = {
  outboxMessages: {
    name: 'holdfast_outbox_messages',
    help: 'Messages of the outbox that are not delivered.',
  },
  outboxSeconds: {
    name: 'holdfast_outbox_oldest_seconds',
    help: 'For how long the oldest message of the outbox that is due has not been delivered; 0: there is none.',
  },
  expiryLagSeconds: {
    name: 'holdfast_reservation_expiry_lag_seconds',
    help: 'For how long a reservation has been past due and keeps its units; 0: none is.',
  },
  chargeSeconds: {
    name: 'holdfast_charge_oldest_seconds',
    help: 'For how long a charge has been asked for without an outcome; 0: none is.',
  },
  refundSeconds: {
    name: 'holdfast_refund_oldest_seconds',
    help: 'For how long a refund is planned and not made, without those behind an open dispute; 0: none is.',
  },
  shipmentsToBook: { name: 'holdfast_shipments_to_book', help: 'Shipments that are not booked yet.' },
  shipmentSeconds: {
    name: 'holdfast_shipment_oldest_seconds',
    help: 'For how long a shipment waits to be booked; 0: none does.',
  },
  erasureSeconds: {
    name: 'holdfast_erasure_oldest_seconds',
    help: 'For how long the erasure of a person is not finished; 0: none is under way.',
  },
  partitionsAhead: {
    name: 'holdfast_ledger_partitions_ahead',
    help: 'Months to come that the ledger has a partition for.',
  },
  checkSeconds: {
    name: 'holdfast_consistency_check_age_seconds',
    help: 'Since the consistency check that has not run to its end for longest; before the first, since the schema was made.',
  },
};

/** Metrics that are counted in the database at a scrape: every process of the API shows the same. None while the database is away. */
export function addCountedMetrics(registry: Registry, db: Pick<Database, 'query' | 'transaction'>): void {
  const backlog = briefly(() => readBacklog(db));
  for (const [what, about] of Object.entries(BACKLOG))
    // The keys of `BACKLOG` are those of a backlog.
    addCountedNumber(registry, about, async () => (await backlog())[what as keyof Backlog]);
  addCountedGauge(
    registry,
    {
      name: 'holdfast_jobs',
      help: 'Jobs that are open, and those that ended within a day, by type and status; failed ones until somebody acknowledges them.',
      labelNames: ['type', 'status'],
    },
    briefly(async () =>
      (await countJobs(db)).map(({ type, status, count }) => ({ labels: { type, status }, value: count })),
    ),
  );
  const attention = briefly(() => countAttention(db));
  addCountedGauge(
    registry,
    {
      name: 'holdfast_attention',
      help: 'How often an order needs a person and nobody has acknowledged it, by reason.',
      labelNames: ['reason', 'severity'],
    },
    async () =>
      (await attention()).map(({ reason, severity, count }) => ({
        labels: { reason, severity },
        value: count,
      })),
  );
  addCountedGauge(
    registry,
    {
      name: 'holdfast_alerts',
      help: 'Alerts that nobody has acknowledged, by kind.',
      labelNames: ['kind', 'severity'],
    },
    briefly(async () =>
      (await countOpenAlerts(db, await attention())).map(({ kind, severity, count }) => ({
        labels: { kind, severity },
        value: count,
      })),
    ),
  );
  addCountedGauge(
    registry,
    {
      name: 'holdfast_failed_work',
      help: 'Subjects on which work failed with an alert that nobody has acknowledged, by work.',
      labelNames: ['work'],
    },
    briefly(async () =>
      Object.entries(await countFailedWork(db)).map(([work, count]) => ({ labels: { work }, value: count })),
    ),
  );
  addCountedGauge(
    registry,
    {
      name: 'holdfast_unsealed_oldest_seconds',
      help: 'Age of the oldest row that no seal covers, of each log that is sealed; 0: there is none.',
      labelNames: ['log'],
    },
    briefly(async () =>
      Object.entries(await readUnsealed(db)).map(([log, value]) => ({ labels: { log }, value })),
    ),
  );
  addCountedNumber(
    registry,
    {
      name: 'holdfast_events_unnumbered_oldest_seconds',
      help: 'Age of the oldest committed row that is an event and has no position; 0: there is none.',
    },
    briefly(() => unnumberedSeconds(db)),
  );
  addCountedNumber(
    registry,
    {
      name: 'holdfast_webhook_delivery_oldest_seconds',
      help: 'For how long a delivery to a webhook has been due, or an event that none is planned of yet; 0: nothing is due.',
    },
    briefly(() => webhooksDueSeconds(db)),
  );
  addCountedNumber(
    registry,
    {
      name: 'holdfast_mail_oldest_seconds',
      help: 'For how long a mail has been due; 0: none is.',
    },
    briefly(() => mailsDueSeconds(db)),
  );
  addCountedNumber(
    registry,
    {
      name: 'holdfast_mail_failing_oldest_seconds',
      help: 'For how long a mail has failed that is still tried; 0: none has.',
    },
    briefly(() => mailsFailingSeconds(db)),
  );
  addCountedGauge(
    registry,
    {
      name: 'holdfast_mails_waiting',
      help: 'Mails that are due, and those that have failed and wait for their next try.',
      labelNames: ['state'],
    },
    briefly(async () =>
      Object.entries(await countMailsWaiting(db)).map(([state, value]) => ({ labels: { state }, value })),
    ),
  );
  addCountedNumber(
    registry,
    {
      name: 'holdfast_notification_oldest_seconds',
      help: 'For how long an event has had a position of which nobody was told yet, or found to be nobody to tell; 0: there is none.',
    },
    briefly(() => notificationsBehindSeconds(db)),
  );
  addCountedNumber(
    registry,
    {
      name: 'holdfast_reports_behind_oldest_seconds',
      help: 'For how long an event has had a position and is not in the sums of reports, or since these began anew; 0: they have all.',
    },
    briefly(() => reportsBehindSeconds(db)),
  );
}
