import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  TemporalFailure,
} from '@temporalio/workflow';
import type { OrderProgress } from '../../domain/ordering/types';
import type { OrderInput } from '../../domain/orders/types';
import { database } from './activities';
import type { OrderDetails } from './details';

/**
 * How a saga begins, also one that is started again: the order is written and its stock reserved. Tried for as long as PostgreSQL is away.
 * What cannot succeed leaves a failed order, which a late reserve finds.
 *
 * @param root its cancellation ends the attempts
 */
export async function reserve(
  order: OrderInput,
  { root, details }: { root: CancellationScope; details: OrderDetails },
): Promise<OrderProgress> {
  details.now('Reserving stock.');
  const cancellable = new CancellationScope();
  root.cancelRequested.catch(() => cancellable.cancel());
  try {
    const { outcome, progress, code } = await cancellable.run(() => database.reserveOrder(order));
    if (!progress) throw ApplicationFailure.nonRetryable('an outcome without an order', 'SAGA_DEFECT');
    details.did(outcome === 'reserved' ? takenUp(progress) : `Not reserved: ${code ?? outcome}.`);
    return progress;
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
    const code = isCancellation(error) ? 'CANCELLED' : failureType(error);
    details.did(`Reservation given up: ${code}.`);
    details.now('Undoing the reservation.');
    const detail = 'The order could not be reserved and was undone.';
    return database.undoReserve({ order, code, detail });
  }
}

function takenUp({ status, reservations }: OrderProgress): string {
  if (status !== 'reserved') return `Taken up again: ${status}.`;
  return reservations.length > 0 ? 'Stock reserved.' : 'Queued for stock.';
}

/** A local activity throws its own failure where it failed, an `ActivityFailure` only where it was cancelled or timed out. */
function failureType(error: TemporalFailure): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure ? (cause.type ?? 'RESERVE_FAILED') : 'RESERVE_FAILED';
}
