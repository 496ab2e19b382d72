import { setTimeout as pause } from 'node:timers/promises';
import type { Database, Transaction } from './database';

/** Rows that one transaction looks at: it takes some milliseconds, and keeps nobody waiting. */
const PART_ROWS = 1_000;
/** Between two parts: others come to the disk. */
const PAUSE_MS = 10;

/** A row by its time and what tells it from others of that time, as PostgreSQL writes them. */
export interface RowPosition {
  at: string;
  row: string;
}

/** What is looked at in one transaction: rows older than `days` that come after a row, the oldest first. */
export interface AgedPart {
  days: number;
  after: RowPosition;
  limit: number;
}

/** What was removed of a part, and the row that the next one comes after; null: nothing older is left. */
export interface RemovedPart {
  removed: number;
  next: RowPosition | null;
}

/** The columns of a statement that removes a part. */
export interface RemovedRow {
  looked: number;
  removed: number;
  lastAt: string | null;
  lastRow: string | null;
}

export function asRemovedPart({ looked, removed, lastAt, lastRow }: RemovedRow, limit: number): RemovedPart {
  const isLast = looked < limit || lastAt === null || lastRow === null;
  return { removed, next: isLast ? null : { at: lastAt, row: lastRow } };
}

/** The end of a statement that removes a part: of `part`, with `at` and `place` of each row that was looked at, and `gone`. */
export const REMOVED_OF_PART = `
  select (select count(*) from part) as looked, (select count(*) from gone) as removed,
         l.at::text as "lastAt", l.place::text as "lastRow"
  from (values (1)) one left join (select at, place from part order by at desc, place desc limit 1) l on true`;

/** Before every row by its place in the table, and before every row by its id. */
export const FIRST_PLACE: RowPosition = { at: '-infinity', row: '(0,0)' };
export const FIRST_ID: RowPosition = { at: '-infinity', row: '00000000-0000-0000-0000-000000000000' };

export interface RetentionRun {
  /** Rows older than this are removed; 0: none is. */
  days: number;
  /** Milliseconds after which no further part is begun: the next run goes on. */
  withinMs: number;
  told?: () => void;
}

/**
 * Removes what is older than `days`, part by part, each in a transaction of its own: what was removed before a failure stays so, and
 * the rest is found again. Rows that are still needed are looked at once in a run.
 *
 * @returns how many rows were removed
 */
export async function removeAged(
  db: Database,
  { days, withinMs, told = () => undefined }: RetentionRun,
  first: RowPosition,
  removePart: (tx: Transaction, part: AgedPart) => Promise<RemovedPart>,
): Promise<number> {
  if (days === 0) return 0;
  const until = performance.now() + withinMs;
  let after = first;
  let removed = 0;
  for (;;) {
    const from = after;
    const part = await db.retrying((tx) => removePart(tx, { days, after: from, limit: PART_ROWS }));
    removed += part.removed;
    told();
    if (part.next === null || performance.now() > until) return removed;
    after = part.next;
    await pause(PAUSE_MS);
  }
}
