import type { Transaction } from '../../../platform/database/database';
import { recordEntries } from '../../event-log/record';
import type { TransferView } from './types';

/** Records that nothing of a transfer is on its way any more. That its units moved is in the ledger. */
export function recordEnd(tx: Transaction, view: TransferView, actor: string): Promise<void> {
  const { sku, from, to, quantity, received, lost, returned } = view;
  return recordEntries(tx, [
    {
      type: view.status === 'cancelled' ? 'transfer.cancelled' : 'transfer.completed',
      subject: { type: 'transfer', id: view.id },
      actor,
      data: { sku, from, to, quantity, received, lost, returned },
    },
  ]);
}
