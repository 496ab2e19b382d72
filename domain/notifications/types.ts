import type { UserRole } from '../identity/accounts/types';

/** What customers are told of their orders. */
export const CUSTOMER_KINDS = [
  'order_placed',
  'order_paid',
  'payment_failed',
  'payment_action',
  'order_backordered',
  'order_shipped',
  'order_delivered',
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
  /** Of a mail: no further one of this kind is sent within the hour. */
  isLast?: true;
}

/** Somebody who has signed in, with the role that they have now. */
export interface NotifiedPerson {
  userId: string;
  role: UserRole;
}

/** Somebody who is to be told of something. */
export interface Told {
  userId: string;
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
  }
}
