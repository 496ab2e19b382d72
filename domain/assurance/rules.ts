import { CHECK_IDS, type CheckId } from './types';

/** What a repair may bring to light or put right besides its own finding. */
const RELATED: Partial<Record<CheckId, readonly CheckId[]>> = {
  on_hand_ledger: ['reserved_ledger', 'reserved_holds', 'phantom_stock'],
  reserved_ledger: ['on_hand_ledger', 'reserved_holds', 'phantom_stock'],
  reserved_holds: ['on_hand_ledger', 'reserved_ledger', 'phantom_stock'],
  orphaned_holds: ['reserved_ledger', 'reserved_holds', 'order_items_holds', 'order_ended_units'],
};

/** The checks to run again after repairs of these, in the order in which checks run. */
export function checksToRepeat(repaired: readonly CheckId[]): CheckId[] {
  const wanted = new Set(repaired.flatMap((id) => [id, ...(RELATED[id] ?? [])]));
  return CHECK_IDS.filter((id) => wanted.has(id));
}
