import { Gauge, type Registry } from 'prom-client';
import { countJobs, readBacklog, type Backlog } from '../../domain/assurance/backlog';
import { countAttention } from '../../domain/orders/attention';
import { countFailedWork } from '../../domain/stock/alerts/failed-work';
import type { Queryable } from '../../platform/database/database';

/** A value of a metric with its labels. */
interface Sample {
  labels: Readonly<Record<string, string>>;
  value: number;
}

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
};

/** What one scrape reads is good for the others that come with it. */
const FRESH_MS = 1_000;

/** Metrics that are counted in the database at a scrape: every process of the API shows the same. None while the database is away. */
export function addCountedMetrics(registry: Registry, db: Queryable): void {
  const backlog = briefly(() => readBacklog(db));
  for (const [what, { name, help }] of Object.entries(BACKLOG))
    add(registry, { name, help, labelNames: [] }, async () => {
      // The keys of `BACKLOG` are those of a backlog.
      return [{ labels: {}, value: (await backlog())[what as keyof Backlog] }];
    });
  add(
    registry,
    {
      name: 'holdfast_jobs',
      help: 'Jobs that are open, and those that ended within a day, by type and status.',
      labelNames: ['type', 'status'],
    },
    briefly(async () =>
      (await countJobs(db)).map(({ type, status, count }) => ({ labels: { type, status }, value: count })),
    ),
  );
  add(
    registry,
    {
      name: 'holdfast_attention',
      help: 'How often an order needs a person now, by reason.',
      labelNames: ['reason'],
    },
    briefly(async () => samplesOf('reason', await countAttention(db))),
  );
  add(
    registry,
    {
      name: 'holdfast_failed_work',
      help: 'Subjects on which work failed and is tried again, by work.',
      labelNames: ['work'],
    },
    briefly(async () => samplesOf('work', await countFailedWork(db))),
  );
}

function samplesOf(label: string, counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([key, value]) => ({ labels: { [label]: key }, value }));
}

function add(
  registry: Registry,
  about: { name: string; help: string; labelNames: string[] },
  read: () => Promise<Sample[]>,
): void {
  new Gauge({
    ...about,
    registers: [registry],
    async collect() {
      const samples = await read().catch(() => []);
      this.reset();
      // Without labels a reset sets 0, which would say that nothing waits.
      if (samples.length === 0 && about.labelNames.length === 0) this.remove();
      for (const { labels, value } of samples) this.set(labels, value);
    },
  });
}

/** `read`, asked once for all who ask within a second: whoever reaches the port can scrape as often as they like. */
function briefly<T>(read: () => Promise<T>): () => Promise<T> {
  let latest: { at: number; value: Promise<T> } | undefined;
  return () => {
    if (!latest || performance.now() - latest.at > FRESH_MS)
      latest = { at: performance.now(), value: read() };
    return latest.value;
  };
}
