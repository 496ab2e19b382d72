import type { UserRole } from '../identity/accounts/types';
import { ALERT_KINDS, type AlertSeverity, type PromiseOutcome } from '../stock/alerts/types';
import {
  CUSTOMER_KINDS,
  SECURITY_KIND,
  STAFF_KINDS,
  type Channel,
  type CustomerKind,
  type NamedUnits,
  type NotificationData,
  type NotificationKind,
  type NotifiedMailKind,
  type StaffKind,
} from './types';

/** Of which events customers are told. */
const CUSTOMER_EVENTS: Readonly<Record<string, CustomerKind>> = {
  'order.placed': 'order_placed',
  'payment.captured': 'order_paid',
  'capture.succeeded': 'order_paid',
  'payment.declined': 'payment_failed',
  'payment.failed': 'payment_failed',
  'payment.requires_action': 'payment_action',
  'order.review_opened': 'order_review',
  'order.review_approved': 'order_review',
  'order.items_backordered': 'order_backordered',
  'order.amended': 'order_changed',
  'order.items_cut': 'order_partly_cancelled',
  'order.units_cut': 'order_partly_cancelled',
  'order.units_blocked': 'order_partly_cancelled',
  'order.units_missing': 'order_partly_cancelled',
  'order.backorders_closed': 'order_partly_cancelled',
  'order.rest_cancelled': 'order_partly_cancelled',
  'shipment.picked_up': 'order_shipped',
  'shipment.delivered': 'order_delivered',
  'shipment.lost': 'parcel_lost',
  'order.cancel_refused': 'cancel_refused',
  'order.cancelled': 'order_cancelled',
  'order.expired': 'order_cancelled',
  'order.failed': 'order_cancelled',
  'refund.succeeded': 'order_refunded',
  'return.authorised': 'return_update',
  'return.received': 'return_update',
  'return.completed': 'return_update',
  'return.expired': 'return_update',
  'return.cancelled': 'return_update',
};

/** Of units that were promised: those that came from elsewhere are no news to their customer. */
const OF_PROMISED: readonly string[] = ['order.units_blocked', 'order.units_missing'];
const CUT = 'cut' satisfies PromiseOutcome;

const ALERT_RAISED = 'alert.raised';

/** Types of the events of which somebody is told. */
export const NOTIFIED_TYPES: readonly string[] = [...Object.keys(CUSTOMER_EVENTS), ALERT_RAISED];

/**
 * What an event is to the customer of its order; undefined: they are not told of it.
 *
 * @param data of the event
 */
export function customerKindOf(
  type: string,
  data: Readonly<Record<string, unknown>>,
): CustomerKind | undefined {
  // What was cut before it left is captured as nothing.
  if (data['amountMinor'] === 0) return undefined;
  if (OF_PROMISED.includes(type) && data['outcome'] !== CUT) return undefined;
  return CUSTOMER_EVENTS[type];
}

const ALERT_SEVERITY: ReadonlyMap<string, AlertSeverity | 'of_reason'> = new Map(
  Object.entries(ALERT_KINDS).map(([kind, { severity }]) => [kind, severity]),
);

/** What an event is to who works here; undefined: they are not told of it. */
export function staffKindOf(type: string, data: Readonly<Record<string, unknown>>): StaffKind | undefined {
  if (type !== ALERT_RAISED) return undefined;
  const severity = ALERT_SEVERITY.get(String(data['kind']));
  if (severity === 'of_reason') return 'attention';
  // Of a later version: it is looked at in working hours.
  return `alert_${severity ?? 'warning'}`;
}

/**
 * What a notification keeps of an event: nothing that people have written, so that nothing in it has to be erased.
 *
 * @param data of the event
 */
export function dataOf(type: string, data: Readonly<Record<string, unknown>>): NotificationData {
  const text = (member: string) => {
    const value = data[member];
    return typeof value === 'string' ? value : undefined;
  };
  const { amountMinor } = data;
  const kept = {
    type,
    amountMinor: typeof amountMinor === 'number' ? amountMinor : undefined,
    currency: text('currency'),
    carrier: text('carrier'),
    trackingNumber: text('trackingNumber'),
    alert: type === ALERT_RAISED ? text('kind') : undefined,
    sku: text('sku'),
    warehouse: type === ALERT_RAISED ? text('warehouse') : undefined,
    orderId: text('orderId'),
    shipmentId: text('shipmentId'),
    items: unitsOf(data),
    until: text('deadline'),
  };
  return Object.fromEntries(
    Object.entries(kept).filter(([, value]) => value !== undefined),
  ) as unknown as NotificationData; // Of the members above.
}

/** Units that an event is about, however it says so; undefined: it does not. */
function unitsOf(data: Readonly<Record<string, unknown>>): NamedUnits[] | undefined {
  const { items, shortages, sku, units } = data;
  const found = [
    ...listed(items).map(({ sku: of, quantity }) => ({ sku: of, quantity })),
    ...listed(shortages).map(({ sku: of, requested, available }) => ({
      sku: of,
      quantity: Number(requested) - Number(available),
    })),
    { sku, quantity: units },
  ];
  const named = found.filter(
    (one): one is NamedUnits => typeof one.sku === 'string' && Number.isSafeInteger(one.quantity),
  );
  return named.length === 0 ? undefined : named;
}

function listed(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value)
    ? value.filter((one): one is Record<string, unknown> => typeof one === 'object' && one !== null)
    : [];
}

/** Mails of one kind that somebody who works here gets within an hour at most. What is beyond is in the API. */
export const STAFF_MAILS_AN_HOUR = 20;

/**
 * Mails about orders that one address without an account gets within an hour at most: whoever has a key of a service may name any address.
 */
export const CONTACT_MAILS_AN_HOUR = 50;

/** Whether it is for those who work here. */
export function isStaffKind(kind: NotificationKind): boolean {
  return STAFF_KINDS.some((each) => each === kind);
}

/** Whether somebody is told of a kind on a channel who has not said otherwise. */
export function isUsual(kind: NotifiedMailKind, channel: Channel): boolean {
  switch (kind) {
    case SECURITY_KIND:
      return channel === 'email';
    // Stock that runs low comes by the hundred: who wants to know asks for it.
    case 'alert_info':
      return false;
    case 'alert_warning':
      return channel === 'in_app';
    default:
      return true;
  }
}

/** What somebody with this role may be told of. */
export function kindsOf(role: UserRole): readonly NotificationKind[] {
  return role === 'customer' ? CUSTOMER_KINDS : [...CUSTOMER_KINDS, ...STAFF_KINDS];
}

/** What is told so much later is no news: it is in the API, and nobody is sent a mail. */
export const STALE_MS = 3 * 86_400_000;

export function isStale(at: string, now = Date.now()): boolean {
  return now - Date.parse(at) > STALE_MS;
}
