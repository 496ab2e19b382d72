import type { Transaction } from '../../../platform/database/database';
import { writeCuts } from '../cuts/request';
import { updateBegun } from './queries';
import type { ItemChanges } from './rules';
import type { AmendmentUndo, OpenAmendment } from './types';

/** What is taken out is cut as if somebody had asked for it. */
export async function beginCuts(
  tx: Transaction,
  { orderId, requestId }: OpenAmendment,
  { changes, undo }: { changes: Pick<ItemChanges, 'reductions'>; undo: AmendmentUndo },
): Promise<void> {
  await writeCuts(tx, [{ orderId, requestId, items: changes.reductions, reason: 'amended' }]);
  await updateBegun(tx, requestId, { stage: 'cutting', reservationId: null, undo });
}
