import {
  allHandlersFinished,
  condition,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type { TransferActivities } from '../../activities/transfers';
import type { TransferStatus } from '../../domain/stock/transfers/types';
import { wakeSignal, type TransferInput } from '../contract/messages';
import { ended, waitingFor } from '../contract/transfer-summary';

const { readTransfer } = proxyLocalActivities<TransferActivities>({
  startToCloseTimeout: '30 seconds',
  localRetryThreshold: '1 second',
  retry: { initialInterval: '100 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});

const { raiseOverdue } = proxyActivities<TransferActivities>({
  summary: 'Raise the alert that a transfer is overdue',
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});

export interface TransferResult {
  status: TransferStatus;
  received: number;
  lost: number;
  returned: number;
}

/**
 * Follows units that are on their way until each is received, lost or called back, and raises the alert when they have not
 * arrived in time; it then goes on waiting. Receipts and cancellations are transactions in PostgreSQL that signal it,
 * so this keeps nothing in memory that matters: it reads how far the transfer has come, and may be started again at any time.
 */
export async function stockTransfer({ transferId }: TransferInput): Promise<TransferResult> {
  const state = { isWoken: false };
  setHandler(wakeSignal, () => {
    state.isWoken = true;
  });

  for (;;) {
    state.isWoken = false;
    let transfer = await readTransfer(transferId);
    if (isLate(transfer)) transfer = await raiseOverdue(transferId);
    if (transfer.status !== 'in_transit') {
      setCurrentDetails(ended(transfer));
      await condition(allHandlersFinished);
      const { status, received, lost, returned } = transfer;
      return { status, received, lost, returned };
    }
    setCurrentDetails(waitingFor(transfer));
    if (transfer.isOverdue || transfer.msLeft === null) await condition(() => state.isWoken);
    else
      await condition(() => state.isWoken, Math.max(1, transfer.msLeft), {
        summary: 'the transfer is overdue',
      });
  }
}

function isLate({
  status,
  isOverdue,
  msLeft,
}: {
  status: string;
  isOverdue: boolean;
  msLeft: number | null;
}) {
  return status === 'in_transit' && !isOverdue && msLeft !== null && msLeft <= 0;
}
