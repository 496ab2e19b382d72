import type { Waiting } from '../attention-types';

/** What can be asked about. */
export const WHY_SUBJECTS = ['order', 'sku', 'reservation', 'payment', 'job'] as const;
export type WhySubject = (typeof WHY_SUBJECTS)[number];

/** Something that happened, as its row has it. */
export interface PastEvent {
  /** RFC 3339. */
  at: string;
  type: string;
  /** The caller who caused it; null: nobody in particular. */
  actor: string | null;
  data: Readonly<Record<string, unknown>>;
}

/** Why something is as it is, in words. */
export interface Explanation {
  subject: { type: WhySubject; id: string };
  /** How it stands and what it waits for, in one line. */
  state: string;
  /** What that follows from, a line each. */
  because: string[];
  /** What happened last, oldest first. */
  history: PastEvent[];
  /** ISO 4217, of amounts in the history; null: it has none. */
  currency: string | null;
  /** What of it waits for a person. */
  waiting: Waiting[];
  /** Commands and requests to go on with. */
  next: string[];
  /** The workflow that works on it; null: none does. */
  workflow: { of: 'order' | 'job'; id: string; mustRun: boolean } | null;
}

/** So many of each list are told. */
export const TOLD = 20;
