import type { Transaction } from '../../platform/database/database';
import { waitUntilEnded } from '../../platform/database/wait-for-writers';
import { selectLastEntry, selectLedgerWriters } from './cut-queries';

/** Payments take milliseconds. Those that take longer are left out, and are in the next cut. */
const WRITERS_MS = 1_000;

/** A place in the money ledger. */
export interface LedgerCut {
  /** The last entry. */
  last: number;
  /** Nothing is being written below it. */
  isWhole: boolean;
}

/** The ledger as it is now. The last entry is read first: whoever may still bring one below it has its id by then. */
export async function cutOf(tx: Transaction): Promise<LedgerCut> {
  const last = await selectLastEntry(tx);
  return { last, isWhole: await waitUntilEnded(() => selectLedgerWriters(tx), WRITERS_MS) };
}
