import type { AttentionKind } from '../orders/types';
import type { AlertKind } from '../stock/alerts/types';
import type { NotificationData, NotificationKind } from './types';

/** An order as a mail shows it. */
export interface LetterOrder {
  id: string;
  currency: string;
  totalMinor: number;
  items: readonly { sku: string; name: string; quantity: number; unitPriceMinor: number }[];
  /** Some of it has neither left nor been cancelled. */
  hasMore: boolean;
  /** RFC 3339: until when its units wait for stock; null: none wait, or as long as it takes. */
  backorderUntil: string | null;
  /** What is in the parcel that the mail is about. */
  parcel: readonly { name: string; quantity: number }[];
}

/** What a mail says about an alert. */
export interface LetterAlert {
  details: Readonly<Record<string, unknown>>;
  raisedAt: string;
}

/** What one kind says. */
export interface Words {
  title: string;
  lines: readonly string[];
  /** What the mail shows as a table: what was ordered, with prices; what is in the parcel; the units that the event is about. */
  shows?: 'order' | 'parcel' | 'units';
}

/** What there is to say it with. */
export interface About {
  /** Of the order. */
  order: string;
  data: NotificationData;
  /** Null: it is not known. */
  amount: string | null;
  /** Until when something waits, as a date; null: it is not known. */
  until: string | null;
  /** Something of the order follows; null: it is not known. */
  hasMore: boolean | null;
}

/** Everything that is said in one language. */
export interface Language {
  words: Readonly<Record<NotificationKind, (about: About) => Words>>;
  total: string;
  /** Said with the last mail of a kind within the hour. */
  noMore: string;
  /** How mails about orders are ended: by a page, by the token alone. */
  unsubscribe: { page: string; token: string };
  alerts: Readonly<Record<AlertKind, string>>;
  attention: Readonly<Record<AttentionKind, string>>;
}

/** Where an alert is, in brackets. */
export function placeOf({ sku, warehouse, orderId }: NotificationData): string {
  const parts = [sku, warehouse, orderId].filter((part) => part !== undefined);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

/** The carrier and the number of a parcel, with a label; nothing where neither is known. */
export function trackedBy(label: string, { carrier, trackingNumber }: NotificationData): string[] {
  const parcel = [carrier, trackingNumber].filter((part) => part !== undefined).join(' ');
  return parcel === '' ? [] : [`${label}: ${parcel}`];
}

/** The title of an alert; of a kind of a later version its name. */
export function alertTitle(titles: Language['alerts'], { alert = 'alert' }: NotificationData): string {
  const known: Readonly<Record<string, string>> = titles;
  return Object.hasOwn(known, alert) ? (known[alert] ?? alert) : alert;
}
