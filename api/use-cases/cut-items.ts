import { readCut } from '../../domain/ordering/cuts/request';
import { AMENDMENTS_EXCEEDED } from '../../domain/ordering/types';
import { invalid, problem } from '../http/problems';
import type { ApiResponse } from '../http/response';
import type { ApiContext } from '../services/context';
import type { Asked } from './asked';
import { afterCancelling, notCancellable, readView } from './cancel-order';
import { refuseUnwritten, updateSaga } from './saga-update';

export interface CutItems extends Asked {
  orderId: string;
  items: { sku: string; quantity: number }[];
  reason: string | null;
  /** The same request again is the same cut. */
  requestId: string;
}

/**
 * Takes units out of an order as far as they have not left, and waits up to 10 s until their money and stock are back.
 *
 * @throws AppError `NOT_FOUND`, `VALIDATION_FAILED` for a SKU or a quantity that the order has not, `NOT_CANCELLABLE` when none of
 *   the units could be taken out, `AMENDMENTS_EXCEEDED`, `ENGINE_UNAVAILABLE`.
 */
export async function cutItems(context: ApiContext, request: CutItems): Promise<ApiResponse> {
  const { orderId, traceparent, ...wanted } = request;
  const before = await readView(context, orderId);
  const known = await readCut(context.db, wanted.requestId);
  if (!known) refuseUnknown(before.items, wanted.items);
  const asked = await updateSaga(context, { id: orderId, traceparent, actor: wanted.actor }, () =>
    context.engine.cutItems(orderId, wanted),
  );
  if (asked.kind === 'refused' && asked.code === AMENDMENTS_EXCEEDED)
    throw problem(
      AMENDMENTS_EXCEEDED,
      'Units of this order were cancelled too often. It stays as it is; cancel the whole order.',
    );
  const cut = await readCut(context.db, wanted.requestId);
  if (!cut) refuseUnwritten(asked);
  const isDecided = asked.kind === 'ended' || (cut !== undefined && !cut.isOpen);
  if (isDecided && (cut?.units ?? 0) === 0) throw notCancellable();
  return afterCancelling(orderId, await readView(context, orderId), isDecided);
}

function refuseUnknown(
  items: readonly { sku: string; quantity: number }[],
  wanted: readonly { sku: string; quantity: number }[],
): void {
  const faults = wanted.flatMap(({ sku, quantity }, index) => {
    const ordered = items.find((item) => item.sku === sku)?.quantity;
    if (ordered === undefined)
      return [{ path: `items.${index}.sku`, message: `is not in this order: ${sku}` }];
    if (quantity <= ordered) return [];
    return [{ path: `items.${index}.quantity`, message: `only ${ordered} of ${sku} are ordered` }];
  });
  if (faults.length > 0) throw invalid(faults);
}
