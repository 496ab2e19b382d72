import { z } from 'zod';
import { count, time } from './common';

export const inventoryMetrics = z
  .object({
    asOf: time.meta({ description: 'When this was counted: seconds ago, on a large table up to a minute' }),
    products: count,
    locations: count,
    places: count.meta({ description: 'Pairs of product and location that have a stock row' }),
    units: z.object({
      onHand: count,
      reserved: count,
      available: count,
      inTransit: count,
      short: count.meta({
        description:
          'Of `onHand`: left with parcels after they were stopped, while nothing was available in their place',
      }),
    }),
    holds: z
      .object({ open: count, units: count })
      .meta({ description: 'Holds that are neither confirmed nor over, and what they hold' }),
    stock: z
      .object({ low: count, out: count, overstock: count })
      .meta({ description: 'Places with an alert of this kind that is not resolved' }),
    alerts: z.object({ open: count, acknowledged: count }),
    ledgerDrift: z.object({ checkedAt: time, findings: count }).nullable().meta({
      description: 'What the last check of counters against the ledger found; null: there was none',
    }),
  })
  .meta({ id: 'InventoryMetrics' });

export const inventoryHealth = z
  .object({
    status: z.enum(['ok', 'degraded']),
    reasons: z.array(
      z.object({
        code: z.enum([
          'OUTBOX_BEHIND',
          'HOLDS_OVERDUE',
          'PARTITIONS_MISSING',
          'LEDGER_DRIFT',
          'LEDGER_TAMPERED',
          'SEALS_BEHIND',
          'WORK_FAILED',
          'ATTENTION_NEEDED',
        ]),
        message: z.string(),
      }),
    ),
    outboxSeconds: count.meta({
      description: 'Age of the oldest message that was not delivered, without those whose delivery fails',
    }),
    overdueHolds: count.meta({
      description: 'Without those that could not be freed and are tried again later',
    }),
    partitionsAhead: count.meta({ description: 'Months to come that the ledger has a partition for' }),
    driftAlerts: count,
    tamperAlerts: count.meta({
      description: 'Open alerts that a ledger, of stock or money, or the audit log is not as it was sealed',
    }),
    unsealedSeconds: count.meta({
      description:
        'Age of the oldest row of a ledger, of stock or money, or of the audit log that no seal covers',
    }),
    failedWork: count.meta({ description: 'Subjects on which work failed and is tried again later' }),
    attention: count.meta({ description: 'Alerts that an order needs a person' }),
  })
  .meta({ id: 'InventoryHealth' });
