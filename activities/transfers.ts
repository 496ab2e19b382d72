import { markOverdue } from '../domain/stock/transfers/overdue';
import type { TransferProgress } from '../domain/stock/transfers/types';
import { readProgress } from '../domain/stock/transfers/views';
import type { Database } from '../platform/database/database';
import { AppError } from '../platform/errors';
import { withFailures } from './failure';

export interface TransferActivities {
  /** How far a transfer has come. */
  readTransfer(transferId: string): Promise<TransferProgress>;
  /** Marks a transfer that has not arrived in time and raises the alert; one that is not late is left as it is. */
  raiseOverdue(transferId: string): Promise<TransferProgress>;
}

export function createTransferActivities({ db }: { db: Database }): TransferActivities {
  return withFailures<TransferActivities>(
    {
      async readTransfer(transferId) {
        const progress = await readProgress(db, transferId);
        if (!progress) throw new AppError('NOT_FOUND', 'There is no such transfer.');
        return progress;
      },
      raiseOverdue: (transferId) => markOverdue(db, transferId),
    },
    new Set(['NOT_FOUND']),
  );
}
