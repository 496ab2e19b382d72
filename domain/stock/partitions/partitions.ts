import { setTimeout as delay } from 'node:timers/promises';
import type { Database, Queryable, Transaction } from '../../../platform/database/database';
import { AppError, isLockTimeout, messageOf, sqlState } from '../../../platform/errors';
import { foldOldestPartition, lockFold, makePartitions, selectFoldOverdue, setFoldTimeouts } from './queries';

/** Makes the ledger's partitions of this month and `months` more, by a function of the owner; returns how many were new. */
export function ensurePartitions(db: Database, months: number): Promise<number> {
  return db.retrying((tx) => makePartitions(tx, months), { outsidePool: true });
}

export interface FoldRun {
  /** Full months that are kept. */
  months: number;
  /** Milliseconds after which nothing further is begun: the next run goes on. */
  withinMs?: number;
  /** Milliseconds that those who read the ledger for long are waited for at once. */
  waitMs?: number;
  /** Called with each month that was dropped. */
  told?: (partition: string) => void;
  /** Ends the run after the transaction that is under way. */
  signal?: AbortSignal | undefined;
}

export interface FoldOutcome {
  /** Names of what was dropped. */
  folded: string[];
  /**
   * Why the oldest month that is due stays: `unsealed`, not all of it is sealed yet; `busy`, whoever reads the ledger, or folds it
   * elsewhere, did not end in time; `time`, the run was over. Null: no month is due any more.
   */
  left: 'unsealed' | 'busy' | 'time' | null;
}

/** Others who would read the ledger for long queue behind a fold that waits: it waits so long at once, and then lets them through. */
const WAIT_MS = 10_000;
/** After the first wait in vain; doubled with each further one, up to the longest: a fold that gives up has summed in vain. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Sums every monthly partition of the ledger that is older than `months` full months into opening balances and drops it, the
 * oldest first, by a function of the owner, each in a transaction of its own. One that is not sealed yet stays for the next time, and so
 * do those after it. Waits, again and again, for those who read the ledger for long.
 *
 * @throws AppError `LEDGER_MONTH_CHANGED` for a month whose rows are not as they were sealed: it stays, and so do those after it
 */
export async function foldOldPartitions(db: Database, run: FoldRun): Promise<FoldOutcome> {
  const { months, withinMs = Infinity, waitMs = WAIT_MS, told, signal } = run;
  const until = performance.now() + withinMs;
  const folded: string[] = [];
  /** Waits in vain since the last month. */
  let vain = 0;
  while (performance.now() < until && !signal?.aborted) {
    const step = await db
      .retrying((tx) => foldOne(tx, months, waitMs), { outsidePool: true, throwsLockTimeout: true })
      .catch(asBusyOrChanged);
    if (step === 'busy') {
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** vain, LONGEST_PAUSE_MS, until - performance.now());
      vain += 1;
      if (pauseMs > 0) await delay(pauseMs);
      continue;
    }
    if (step.partition === null) return { folded, left: step.left };
    vain = 0;
    folded.push(step.partition);
    told?.(step.partition);
  }
  return { folded, left: vain > 0 ? 'busy' : 'time' };
}

type FoldStep = { partition: string } | { partition: null; left: 'unsealed' | null };

async function foldOne(tx: Transaction, months: number, waitMs: number): Promise<FoldStep> {
  await lockFold(tx, waitMs);
  await setFoldTimeouts(tx);
  const partition = await foldOldestPartition(tx, months);
  if (partition !== null) return { partition };
  // With the lock nothing else keeps it.
  return { partition, left: (await selectFoldOverdue(tx, months)) > 0 ? 'unsealed' : null };
}

/** For how many seconds the oldest month of the ledger has been past its retention of `months` full months, 0 for ever; 0: none is. */
export async function foldOverdueSeconds(on: Queryable, months: number): Promise<number> {
  return months === 0 ? 0 : selectFoldOverdue(on, months);
}

const DATA_CORRUPTED = 'XX001';

function asBusyOrChanged(error: unknown): 'busy' {
  if (isLockTimeout(error)) return 'busy';
  if (sqlState(error) !== DATA_CORRUPTED) throw error;
  throw new AppError('LEDGER_MONTH_CHANGED', messageOf(error), {}, { cause: error });
}
