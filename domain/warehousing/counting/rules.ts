import { MAX_ON_HAND } from '../../stock/ledger/rules';
import type { LineProblem, LineStatus, SheetStatus } from './types';

/** A sheet stands where its least advanced line does. */
export function sheetStatus(lines: readonly { status: LineStatus }[]): SheetStatus {
  const has = (...wanted: LineStatus[]) => lines.some((line) => wanted.includes(line.status));
  if (has('open', 'counted')) return 'open';
  if (has('review')) return 'review';
  return has('resolving') ? 'resolving' : 'closed';
}

/** A line of which nothing is off by more than the tolerance needs no decision: in all, of any lot, or of serial numbers. */
export function isWithinTolerance(off: readonly number[], tolerance: number): boolean {
  return off.every((units) => Math.abs(units) <= tolerance);
}

/** Why a variance cannot be applied to what is there now, or null. */
export function approvalProblem(
  level: { onHand: number; reserved: number },
  variance: number,
): LineProblem | null {
  const onHand = level.onHand + variance;
  // More has left since the count than it found.
  if (onHand < 0) return 'WOULD_GO_NEGATIVE';
  if (onHand > MAX_ON_HAND) return 'QUANTITY_OVERFLOW';
  return onHand < level.reserved ? 'BELOW_RESERVED' : null;
}
