import { z } from 'zod';
import type { EventSource } from '../event-log/types';
import { JOB_TYPES } from '../jobs/types';
import { CUSTOMER_EVENTS } from '../orders/customer-events';
import { ALERT_KINDS } from '../stock/alerts/types';
import { LEDGER_KINDS, type LedgerKind } from '../stock/ledger/types';
import { MEMBERS } from './members';
import type { TypesBySource } from './types';

/** Of the schemas of `data`: members may be added to a version, and never taken away or changed. */
export const VERSION = 1;

export interface EventKind {
  source: EventSource;
  /** The type as its source has it. */
  raw: string;
  summary: string;
  /** What `data` has. Members that are not here may come with any version of the program. */
  data: z.ZodObject;
}

const nullableText = z.string().nullable();
const nullableId = z.uuid().nullable();

const movement = z.looseObject({
  warehouse: z.string(),
  onHandDelta: z.int(),
  reservedDelta: z.int(),
  effectId: z.uuid(),
  reservationId: nullableId,
  orderId: nullableId,
  reason: nullableText,
  reference: nullableText,
});

const MOVEMENTS: Readonly<Record<LedgerKind, string>> = {
  opening: 'The stock that there was when its ledger began',
  receipt: 'Units were delivered',
  adjust: 'Somebody corrected the stock',
  reserve: 'Units were reserved',
  allocate: 'Units were reserved for who waited for them',
  release: 'Reserved units were given back',
  expire: 'A reservation was past due, and its units were given back',
  ship: 'Reserved units left',
  transfer_out: 'Units left for another location',
  transfer_in: 'Units came from another location, or a transfer was called back',
  return: 'Units came back from a customer',
  count: 'A count corrected the stock',
  write_off: 'Units were lost, broken or expired',
  repair: 'A repair script corrected the stock',
  quality_hold: 'Units may not be sold for now',
  quality_release: 'Held units may be sold again',
  feed: 'An upload corrected the stock',
  ship_late: 'Units were found to have left after they were released',
};

const changed = z.looseObject({
  before: z.record(z.string(), z.unknown()).nullable(),
  after: z.record(z.string(), z.unknown()).nullable(),
});

const CHANGES: Readonly<Record<string, { raw: string; summary: string }>> = {
  'reservation.confirmed': { raw: 'hold.confirmed', summary: 'A hold without an order no longer falls due' },
  'reservation.extended': { raw: 'hold.extended', summary: 'A hold without an order falls due later' },
  'product.added': { raw: 'product.added', summary: 'A product was added' },
  'product.changed': { raw: 'product.changed', summary: 'A product was changed' },
  'product.archived': { raw: 'product.archived', summary: 'A product is no longer sold' },
  'product.restored': { raw: 'product.restored', summary: 'A product is sold again' },
  'category.added': { raw: 'category.added', summary: 'A category was added' },
  'category.changed': { raw: 'category.changed', summary: 'A category was changed' },
  'category.archived': { raw: 'category.archived', summary: 'A category is no longer used' },
  'warehouse.added': { raw: 'warehouse.added', summary: 'A warehouse was added' },
  'warehouse.changed': { raw: 'warehouse.changed', summary: 'A warehouse was changed' },
  'warehouse.closed': { raw: 'warehouse.closed', summary: 'Nothing is reserved at a warehouse for now' },
  'reconciliation.accepted': {
    raw: 'reconciliation.accepted',
    summary: 'A difference between the money ledger and a gateway or bank was accepted',
  },
  'reconciliation.booked': {
    raw: 'reconciliation.booked',
    summary: 'A difference between the money ledger and a gateway or bank was booked as an adjustment',
  },
  'payout.created': { raw: 'payout.created', summary: 'What a merchant is owed is set aside to be paid' },
  'payout.approved': { raw: 'payout.approved', summary: 'A payout is to be paid' },
  'payout.paid': { raw: 'payout.paid', summary: 'The bank has paid a payout' },
  'payout.cancelled': { raw: 'payout.cancelled', summary: 'A payout was cancelled, and is owed again' },
  'warehouse.opened': { raw: 'warehouse.opened', summary: 'A warehouse is open again' },
};

const alert = z.looseObject({
  kind: z.enum(Object.keys(ALERT_KINDS)),
  sku: nullableText,
  warehouse: nullableText,
  orderId: nullableId,
});
const job = z.looseObject({ type: z.enum(JOB_TYPES), errorCode: z.string().optional() });
const transfer = z.looseObject({
  sku: z.string(),
  from: z.string(),
  to: z.string(),
  quantity: z.int(),
  received: z.int(),
  lost: z.int(),
  returned: z.int(),
});

const ENTRIES: Readonly<Record<string, Pick<EventKind, 'summary' | 'data'>>> = {
  'alert.raised': { summary: 'An alert is open', data: alert },
  'alert.acknowledged': { summary: 'Somebody has seen an alert', data: alert },
  'alert.resolved': { summary: 'What an alert was about is over', data: alert },
  'job.started': { summary: 'Somebody asked for a job', data: job },
  'job.completed': { summary: 'A job is done', data: job },
  'job.failed': { summary: 'A job could not go on', data: job },
  'job.cancelled': { summary: 'A job was stopped; what it had done stays', data: job },
  'transfer.completed': { summary: 'Nothing of a transfer is on its way any more', data: transfer },
  'transfer.cancelled': { summary: 'What was on its way was called back', data: transfer },
};

const OF_THEIR_OWN = /^(payment|refund|capture|dispute|shipment|return|order)_(.+)$/;

/** The type of an event of an order's history. */
function orderType(raw: string): string {
  if (raw === 'authorization_lost') return `payment.${raw}`;
  const [, area, verb] = OF_THEIR_OWN.exec(raw) ?? [];
  return area === undefined || verb === undefined ? `order.${raw}` : `${area}.${verb}`;
}

function orderKind(raw: string, members: readonly string[]): EventKind {
  const known: Record<string, z.ZodType> = {};
  for (const member of members) {
    const schema = MEMBERS[member];
    if (schema) known[member] = schema;
  }
  const words = raw.replaceAll('_', ' ');
  return {
    source: 'orders',
    raw,
    summary: `${words.charAt(0).toUpperCase()}${words.slice(1)}`,
    data: z.looseObject({ seq: z.int(), ...z.object(known).partial().shape }),
  };
}

/** Every type of event that there is. */
export const CATALOGUE: Readonly<Record<string, EventKind>> = Object.fromEntries<EventKind>([
  ...Object.entries(CUSTOMER_EVENTS).map(([raw, members]): [string, EventKind] => [
    orderType(raw),
    orderKind(raw, members),
  ]),
  ...LEDGER_KINDS.map((raw): [string, EventKind] => [
    `stock.${raw}`,
    { source: 'ledger', raw, summary: MOVEMENTS[raw], data: movement },
  ]),
  ...Object.entries(CHANGES).map(([type, change]): [string, EventKind] => [
    type,
    { source: 'audit', ...change, data: changed },
  ]),
  ...Object.entries(ENTRIES).map(([type, entry]): [string, EventKind] => [
    type,
    { source: 'entries', raw: type, ...entry },
  ]),
]);

export const EVENT_TYPES = Object.keys(CATALOGUE);

/** The types that a name (`order.paid`) or a beginning (`order.*`) stands for; none: it stands for nothing. */
export function typesNamed(name: string): readonly string[] {
  if (name.endsWith('.*')) return EVENT_TYPES.filter((type) => type.startsWith(name.slice(0, -1)));
  return Object.hasOwn(CATALOGUE, name) ? [name] : [];
}

const PUBLIC_CHANGES = new Map(Object.entries(CHANGES).map(([type, { raw }]) => [raw, type]));

/** The type of an event that its source has with this one. Also of one that this version does not know. */
export function publicType(source: EventSource, raw: string): string {
  if (source === 'ledger') return `stock.${raw}`;
  if (source === 'orders') return orderType(raw);
  return source === 'audit' ? (PUBLIC_CHANGES.get(raw) ?? raw) : raw;
}

/** These types as their sources have them. Those that are not of the catalogue are left out. */
export function typesBySource(types: readonly string[]): TypesBySource {
  const found: Partial<Record<EventSource, string[]>> = {};
  for (const type of types) {
    const kind = Object.hasOwn(CATALOGUE, type) ? CATALOGUE[type] : undefined;
    if (kind) (found[kind.source] ??= []).push(kind.raw);
  }
  return found;
}
