import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { WarehousingActivities } from '../../activities/warehousing';
import { returnHasEnded, returnInWords } from '../../domain/warehousing/returns/rules';
import type { ReturnStatus } from '../../domain/warehousing/returns/types';
import type { ReturnInput } from '../contract/messages';
import { advanceUntilEnded, DUE_OPTIONS, READ_OPTIONS } from './document';

const { readReturn } = proxyLocalActivities<WarehousingActivities>(READ_OPTIONS);

const { expireReturn } = proxyActivities<WarehousingActivities>({
  ...DUE_OPTIONS,
  summary: 'End the wait for goods',
});

export interface ReturnResult {
  status: ReturnStatus;
  restocked: number;
  writtenOff: number;
}

/**
 * A customer's return: open until every unit that came in is inspected and no more are awaited. Ends the wait for goods when the
 * authorisation runs out.
 */
export async function customerReturn({ returnId }: ReturnInput): Promise<ReturnResult> {
  const { status, restocked, writtenOff } = await advanceUntilEnded({
    async advance() {
      const goods = await readReturn(returnId);
      return goods.msLeft !== null && goods.msLeft <= 0 ? expireReturn(returnId) : goods;
    },
    hasEnded: (goods) => returnHasEnded(goods.status),
    inWords: returnInWords,
    msLeft: (goods) => goods.msLeft,
    due: 'the authorisation runs out',
  });
  return { status, restocked, writtenOff };
}
