import { keepOrigin } from '../../domain/audit/origin';
import { lookSoon } from '../../domain/ordering/reconcile';
import { STEP_FAILED } from '../../domain/ordering/types';
import { readOrderOwners } from '../../domain/orders/owners';
import { hasEnded, isOfAnother } from '../../domain/orders/rules';
import type { OrderStatus } from '../../domain/orders/types';
import { readOrderInput } from '../../domain/orders/views';
import { notFound, problem } from '../http/problems';
import type { ApiContext } from '../services/context';
import type { Updated } from '../temporal/engine';

/** What became of an update: the saga's result, no result in time, or an order that had ended before. */
export type SagaUpdateResult<Result> =
  Exclude<Updated<Result>, { kind: 'gone' }> | { kind: 'ended'; status: OrderStatus };

/** A saga that was started again and is gone once more has ended its order, or something ends it as fast as we start it. */
const MAX_TRIES = 3;

/**
 * Asks an order's saga. One that is gone while its order is open (terminated by hand, or lost with its server) is started
 * again with the input that is stored with the order, and asked again. From where the request comes is kept before, where the saga writes
 * that to the audit log.
 *
 * @throws AppError `NOT_FOUND` for an order that does not exist, `ENGINE_UNAVAILABLE` when nothing was sent.
 */
export async function updateSaga<Result>(
  context: ApiContext,
  order: { id: string; traceparent: string; actor: string },
  ask: () => Promise<Updated<Result>>,
): Promise<SagaUpdateResult<Result>> {
  const whose = (await readOrderOwners(context.db, [order.id])).get(order.id);
  if (whose && isOfAnother(order.actor, whose)) await keepOrigin(context.db, order.actor);
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const updated = await lookingSoon(context, order.id, ask);
    if (updated.kind !== 'gone') return updated;
    const stored = await readOrderInput(context.db, order.id);
    if (!stored) throw orderNotFound();
    if (hasEnded(stored.status)) return { kind: 'ended', status: stored.status };
    context.log.warn({ orderId: order.id }, 'an open order has no saga; it is started again');
    await context.engine.restart(stored.input, order.traceparent);
  }
  return { kind: 'undecided' };
}

/**
 * A saga that does not respond may be stuck, and nothing in the rows tells so: one that waits to be paid is looked at every ten
 * minutes only. The reconciler is told to look at it next.
 */
async function lookingSoon<Result>(
  { db, log }: ApiContext,
  orderId: string,
  ask: () => Promise<Updated<Result>>,
): Promise<Updated<Result>> {
  let responded = false;
  try {
    const updated = await ask();
    // A saga that could not write a request may not know of a row that was written all the same.
    responded = updated.kind !== 'undecided' && !isUnwritten(updated);
    return updated;
  } finally {
    if (!responded)
      await lookSoon(db, [orderId]).catch((error: unknown) => {
        log.warn({ err: error, orderId }, 'the reconciler could not be told to look at an order');
      });
  }
}

/**
 * Of a request that has no row: refuses it where it could not be written. One that has a row was accepted, also where the saga never
 * heard that it was written.
 *
 * @throws AppError `ORDER_STEP_FAILED`
 */
export function refuseUnwritten(asked: SagaUpdateResult<unknown>): void {
  if (!isUnwritten(asked)) return;
  throw problem(
    'ORDER_STEP_FAILED',
    'The request could not be written to the order, and was not accepted. The log of the worker has the error.',
  );
}

function isUnwritten(asked: Updated<unknown> | SagaUpdateResult<unknown>): boolean {
  return asked.kind === 'refused' && asked.code === STEP_FAILED;
}

export function orderNotFound(): Error {
  return notFound('There is no such order.');
}
