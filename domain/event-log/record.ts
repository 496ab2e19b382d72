import type { Transaction } from '../../platform/database/database';
import { currentTrace } from '../../platform/telemetry/context';
import { insertEntries } from './queries';
import type { NewEntry } from './types';

/**
 * Writes what the transaction does and none of its other rows says, in one statement: both stay, or neither. With the trace of the work
 * that runs. A position they get later, see `numberEvents`.
 */
export async function recordEntries(tx: Transaction, entries: readonly NewEntry[]): Promise<void> {
  if (entries.length > 0) await insertEntries(tx, entries, currentTrace() ?? null);
}
