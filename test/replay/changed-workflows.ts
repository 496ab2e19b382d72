import { sleep } from '@temporalio/workflow';
import { orderSaga as unchanged } from '../../workflows';

export * from '../../workflows';

/** The order saga with one command more at its beginning, as an incompatible change would have it. */
export async function orderSaga(...args: Parameters<typeof unchanged>): ReturnType<typeof unchanged> {
  await sleep('1 second');
  return unchanged(...args);
}
