import { orderSaga as working } from '../../workflows';
import type { OrderSagaInput } from '../../workflows/contract/messages';

export * from '../../workflows';

/** A customer whose orders the saga of this bundle cannot run: its workflow task fails, each time again. */
export const UNLUCKY_CUSTOMER = 'unlucky';

/** As a defect in the code of the workflow shows: a plain error fails the workflow task, not the workflow. */
export function orderSaga(input: OrderSagaInput): ReturnType<typeof working> {
  if (input.order.customerId === UNLUCKY_CUSTOMER) throw new TypeError('a defect of this build');
  return working(input);
}
