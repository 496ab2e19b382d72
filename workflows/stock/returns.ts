import {
  allHandlersFinished,
  condition,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type { StockKeepingActivities } from '../../activities/warehousing';
import { returnHasEnded, returnInWords } from '../../domain/warehousing/returns/rules';
import type { ReturnStatus } from '../../domain/warehousing/returns/types';
import { wakeSignal, type ReturnInput } from '../contract/messages';

const { readReturn } = proxyLocalActivities<StockKeepingActivities>({
  startToCloseTimeout: '30 seconds',
  localRetryThreshold: '1 second',
  retry: { initialInterval: '100 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});

const { expireReturn } = proxyActivities<StockKeepingActivities>({
  summary: 'End the wait for goods',
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});

const { holdExpiredLots } = proxyActivities<StockKeepingActivities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '1 minute',
  // The schedule comes again soon: runs that keep failing must not accumulate.
  retry: { initialInterval: '1 second', maximumAttempts: 3 },
});

export interface ReturnResult {
  status: ReturnStatus;
  restocked: number;
  writtenOff: number;
}

/**
 * Follows goods that a customer sends back until every unit that came in is inspected and no more are awaited, and ends the
 * wait when the authorisation runs out. Its steps are transactions in PostgreSQL that signal it, so this keeps nothing in
 * memory that matters, and may be started again at any time.
 */
export async function customerReturn({ returnId }: ReturnInput): Promise<ReturnResult> {
  const state = { isWoken: false };
  setHandler(wakeSignal, () => {
    state.isWoken = true;
  });

  for (;;) {
    state.isWoken = false;
    let goods = await readReturn(returnId);
    if (goods.msLeft !== null && goods.msLeft <= 0) goods = await expireReturn(returnId);
    setCurrentDetails(returnInWords(goods));
    if (returnHasEnded(goods.status)) {
      await condition(allHandlersFinished);
      const { status, restocked, writtenOff } = goods;
      return { status, restocked, writtenOff };
    }
    if (goods.msLeft === null) await condition(() => state.isWoken);
    else
      await condition(() => state.isWoken, Math.max(1, goods.msLeft), {
        summary: 'the authorisation runs out',
      });
  }
}

/** Takes expired lots out of sale. Run by a schedule. */
export function stockUpkeep(): Promise<{ units: number }> {
  return holdExpiredLots();
}
