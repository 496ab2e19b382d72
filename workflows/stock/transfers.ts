import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { TransferActivities } from '../../activities/transfers';
import type { TransferProgress, TransferStatus } from '../../domain/stock/transfers/types';
import type { TransferInput } from '../contract/messages';
import { ended, waitingFor } from '../contract/transfer-summary';
import { advanceUntilEnded, DUE_OPTIONS, READ_OPTIONS } from './document';

const { readTransfer } = proxyLocalActivities<TransferActivities>(READ_OPTIONS);

const { raiseOverdue } = proxyActivities<TransferActivities>({
  ...DUE_OPTIONS,
  summary: 'Raise the alert that a transfer is overdue',
});

export interface TransferResult {
  status: TransferStatus;
  received: number;
  lost: number;
  returned: number;
}

/**
 * A transfer: open until each unit is received, lost or called back. Raises the alert when they have not arrived in time, and
 * then goes on waiting.
 */
export async function stockTransfer({ transferId }: TransferInput): Promise<TransferResult> {
  const { status, received, lost, returned } = await advanceUntilEnded({
    async advance() {
      const transfer = await readTransfer(transferId);
      return isLate(transfer) ? raiseOverdue(transferId) : transfer;
    },
    hasEnded,
    inWords: (transfer) => (hasEnded(transfer) ? ended(transfer) : waitingFor(transfer)),
    msLeft: ({ isOverdue, msLeft }) => (isOverdue ? null : msLeft),
    due: 'the transfer is overdue',
  });
  return { status, received, lost, returned };
}

function hasEnded({ status }: TransferProgress): boolean {
  return status !== 'in_transit';
}

function isLate(transfer: TransferProgress): boolean {
  const { isOverdue, msLeft } = transfer;
  return !hasEnded(transfer) && !isOverdue && msLeft !== null && msLeft <= 0;
}
