/**
 * Where events are: `ledger` (movements of stock), `orders` (histories of orders), `audit` (what people and keys changed), and `entries`,
 * what no other row says; and `money` (the money ledger), which reports count and readers of the stream do not see. See docs/decisions/0067-events-are-numbered-after-they-commit.md.
 */
export const EVENT_SOURCES = ['ledger', 'orders', 'audit', 'entries', 'money'] as const;
export type EventSource = (typeof EVENT_SOURCES)[number];

/** Ids that were passed and not seen. */
export interface Gap {
  id: number;
  source: EventSource;
  /** An `int8multirange`, as text. */
  ids: string;
  /** Null: nobody has looked. */
  waitsFor: string[] | null;
}

/** One that is to be looked at, with who may bring ids of its source. */
export interface DueGap extends Gap {
  holders: string[];
}

/** What happened and no other row says. */
export interface NewEntry {
  /** A type of the catalogue, such as `job.completed`. */
  type: `${string}.${string}`;
  subject: { type: string; id: string };
  /** The caller who caused it, or `system`. */
  actor: string;
  /** Whose it is, as a caller; absent: nobody's in particular. */
  owner?: string;
  data?: Readonly<Record<string, unknown>>;
}

declare module '../../platform/database/notifier' {
  interface Channels {
    /** Events were numbered; the key is `EVENTS_NUMBERED`. */
    holdfast_events: 'stream';
  }
}

/** There is one stream. */
export const EVENTS_NUMBERED = 'stream';
