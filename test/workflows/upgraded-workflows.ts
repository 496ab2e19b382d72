import { patched, sleep } from '@temporalio/workflow';
import type { OrderStatus } from '../../domain/orders/types';
import { orderSaga as before } from '../../workflows';

export * from '../../workflows';

/** The order saga of a next version, as a compatible change has it: what is new in its course is behind a patch. */
export async function orderSaga(
  ...args: Parameters<typeof before>
): Promise<{ status: OrderStatus; endedOn: string }> {
  if (patched('a-pause-at-the-beginning')) await sleep(1);
  return { ...(await before(...args)), endedOn: 'the new build' };
}
