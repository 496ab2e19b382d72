import type { Locale, UserRole } from '../identity/accounts/types';

/** What customers are told of their orders. */
export const CUSTOMER_KINDS = [
  'order_placed',
  'order_paid',
  'payment_failed',
  'payment_action',
  'order_review',
  'order_backordered',
  'order_changed',
  'order_partly_cancelled',
  'order_shipped',
  'order_delivered',
  'parcel_lost',
  'cancel_refused',
  'order_cancelled',
  'order_refunded',
  'return_update',
] as const;
export type CustomerKind = (typeof CUSTOMER_KINDS)[number];

/** What operators and admins are told: alerts by their severity, and orders that need a person. */
export const STAFF_KINDS = ['alert_critical', 'alert_warning', 'alert_info', 'attention'] as const;
export type StaffKind = (typeof STAFF_KINDS)[number];

export const NOTIFICATION_KINDS = [...CUSTOMER_KINDS, ...STAFF_KINDS] as const;
export type NotificationKind = (typeof NOTIFICATION_KINDS)[number];

export const CHANNELS = ['email', 'in_app'] as const;
export type Channel = (typeof CHANNELS)[number];

/** Mails about an account: of its safety, so that nobody switches them off. */
export const SECURITY_KIND = 'account';

export const NOTIFIED_MAIL_KINDS = [SECURITY_KIND, ...NOTIFICATION_KINDS] as const;
export type NotifiedMailKind = (typeof NOTIFIED_MAIL_KINDS)[number];

/**
 * What became of a mail. `suppressed`: there is nobody to send it to, or nothing to tell any more; `failed`: given up, or refused for what
 * it says; `bounced`: its address takes no mail.
 */
export const MAIL_STATUSES = ['pending', 'sent', 'suppressed', 'failed', 'bounced'] as const;
/** What a mail comes to. */
export type MailEnd = Exclude<(typeof MAIL_STATUSES)[number], 'pending'>;

/** What became of one try to send a mail: `postponed`: it is tried again. */
export const MAIL_OUTCOMES = ['sent', 'postponed', 'suppressed', 'failed', 'bounced'] as const;
export type MailOutcome = (typeof MAIL_OUTCOMES)[number];

/** Units of a product, by its SKU. */
export interface NamedUnits {
  sku: string;
  quantity: number;
}

/** Members of an event that a notification keeps. */
export interface NotificationData {
  /** Of the event. */
  type: string;
  amountMinor?: number;
  currency?: string;
  carrier?: string;
  trackingNumber?: string;
  /** Of an alert. */
  alert?: string;
  sku?: string;
  warehouse?: string;
  orderId?: string;
  shipmentId?: string;
  /** What the event is about. */
  items?: readonly NamedUnits[];
  /** RFC 3339: until when something waits. */
  until?: string;
  /** Of a mail: no further one of this kind is sent within the hour. */
  isLast?: true;
}

/** Somebody who has signed in, with the role that they have now. */
export interface NotifiedPerson {
  userId: string;
  role: UserRole;
}

/** Where somebody without an account is written to about an order. */
export interface Contact {
  email: string;
  locale: Locale;
}

/** Why no mails about orders go to an address: it takes none, or its owner wants none. */
export const SUPPRESSION_CAUSES = ['bounced', 'unsubscribed'] as const;
export type SuppressionCause = (typeof SUPPRESSION_CAUSES)[number];

/** The contact of an order. `since`: RFC 3339. */
export interface OrderContact extends Contact {
  orderId: string;
  /** Null: it is written to. */
  suppressed: { cause: SuppressionCause; since: string } | null;
}

/** Somebody who is to be told of something. */
export interface Told {
  /** Null: the contact of the order that it is about. */
  userId: string | null;
  kind: NotificationKind;
  position: number;
  subject: { type: string; id: string };
  data: NotificationData;
}

/** A notification as its reader sees it. */
export interface NotificationView {
  id: string;
  kind: NotificationKind;
  /** What it says, in the reader's language. */
  title: string;
  subject: { type: string; id: string };
  data: NotificationData;
  /** RFC 3339. */
  createdAt: string;
  readAt: string | null;
}

/** Whether somebody is told of a kind on a channel. */
export interface Preference {
  kind: NotifiedMailKind;
  channel: Channel;
  enabled: boolean;
  /** It cannot be changed. */
  isFixed: boolean;
}

export type PreferenceChange = Pick<Preference, 'kind' | 'channel' | 'enabled'>;

/** How a round of the dispatcher went. */
export interface MailRound {
  sent: number;
  failed: number;
  /** Milliseconds until the next try is due; null: none waits. */
  msLeft: number | null;
}

declare module '../../platform/database/outbox' {
  interface OutboxTopics {
    /** There may be mails to send. */
    'mails.ready': null;
    /** Mails to the contact of an order are to be removed from where they lie. */
    'contact-mails.withdraw': 'orderId';
  }
}
