import { ATTENTION, type AttentionKind } from '../orders/types';
import { ALERT_KINDS, type AlertKind } from '../stock/alerts/types';

/** Alerts that follow the numbers of the stock: low stock has a list of its own, and too much of it waits for nobody. */
export const STOCK_ALERTS = [
  'low_stock',
  'out_of_stock',
  'overstock',
] as const satisfies readonly AlertKind[];

/** What waits for a person without an alert. */
export const WAITING_WORK = [
  'job_failed',
  'check_found',
  'count_review',
  'quality_hold',
  'return_received',
  'outbox_behind',
  'erasure_waits',
] as const;

type WaitingAlert = Exclude<AlertKind, (typeof STOCK_ALERTS)[number] | 'attention'>;

export type WaitingKind = AttentionKind | WaitingAlert | (typeof WAITING_WORK)[number];

function isWaitingAlert(kind: AlertKind): kind is WaitingAlert {
  return kind !== 'attention' && !STOCK_ALERTS.some((stock) => stock === kind);
}

/** Every kind of thing that waits for a person: of orders, other alerts, and work without an alert. */
export const WAITING_KINDS: readonly WaitingKind[] = [
  ...(Object.keys(ATTENTION) as AttentionKind[]),
  ...(Object.keys(ALERT_KINDS) as AlertKind[]).filter(isWaitingAlert),
  ...WAITING_WORK,
];

/** What a thing that waits is about; its id is the one by which the API names it. */
export const WAITING_SUBJECTS = [
  'order',
  'place',
  'reservation',
  'work',
  'ledger',
  'job',
  'check',
  'count',
  'quality_hold',
  'return',
  'outbox',
  'user',
] as const;
export type WaitingSubject = (typeof WAITING_SUBJECTS)[number];

/** Something that waits for a person. */
export interface Waiting {
  /** A `WaitingKind`, or one that another version of the program has raised. */
  kind: string;
  subject: { type: WaitingSubject; id: string };
  /** RFC 3339. */
  since: string;
  /** When it is decided without a person; null: never. */
  deadline: string | null;
  /** In words. */
  why: string;
  /** What to do, in words. */
  next: string;
  /** Requests and commands for that, with their ids. */
  actions: string[];
  /** The alert that tells of it; null: there is none. */
  alertId: string | null;
  /** Who looks after it; null: nobody has said so. */
  acknowledgedBy: string | null;
}

/** A place in the list of what waits. */
export interface WaitingPosition {
  sinceMicros: string;
  key: string;
}
