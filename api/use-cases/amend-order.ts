import { readAmendment } from '../../domain/ordering/amendments/request';
import {
  AMENDMENT_IN_PROGRESS,
  type AmendmentOutcome,
  type AmendRefusalCode,
} from '../../domain/ordering/amendments/types';
import { AMENDMENTS_EXCEEDED, type OrderView } from '../../domain/ordering/types';
import { hasEnded } from '../../domain/orders/rules';
import type { Shortage, ShipTo } from '../../domain/stock/sourcing/types';
import { orderPath } from '../http/paths';
import { invalid, problem } from '../http/problems';
import { ok, type ApiResponse } from '../http/response';
import type { ApiContext } from '../services/context';
import type { Asked } from './asked';
import { readView } from './cancel-order';
import { outOfStock } from './order-responses';
import { refuseUnwritten, updateSaga } from './saga-update';

export interface AmendOrder extends Asked {
  orderId: string;
  items: { sku: string; quantity: number }[];
  /** Null: it goes where it went. */
  shipTo: ShipTo | null;
  /** The same request again is the same amendment. */
  requestId: string;
}

/** Items of one order. */
const MAX_ITEMS = 100;

/**
 * Amends an order before it is booked, all or nothing, and waits up to 10 s until that is decided.
 *
 * @throws AppError `NOT_FOUND`, `ENGINE_UNAVAILABLE`, `VALIDATION_FAILED`, `AMENDMENT_IN_PROGRESS`, `AMENDMENTS_EXCEEDED`, and every reason for which the order stays as it was
 *   (`AMEND_REFUSALS`)
 */
export async function amendOrder(context: ApiContext, request: AmendOrder): Promise<ApiResponse> {
  const { orderId, traceparent, ...wanted } = request;
  const before = await readView(context, orderId);
  const known = await readAmendment(context.db, wanted.requestId);
  if (!known) refuseInvalid(before, wanted.items);
  const asked = await updateSaga(context, { id: orderId, traceparent, actor: wanted.actor }, () =>
    context.engine.amend(orderId, wanted),
  );
  if (asked.kind === 'refused' && asked.code === AMENDMENTS_EXCEEDED)
    throw problem(
      AMENDMENTS_EXCEEDED,
      'This order was amended too often. It stays as it is; cancel it, or place a new order.',
    );
  const amendment = await readAmendment(context.db, wanted.requestId);
  if (!amendment) refuseUnwritten(asked);
  if (amendment?.state === 'done') return ok(await readView(context, orderId));
  if (amendment?.state === 'refused') throw refusal(amendment);
  const after = await readView(context, orderId);
  const isRefused = asked.kind === 'ended' || (asked.kind === 'result' && asked.result.outcome === 'refused');
  if (!amendment && isRefused) {
    if (hasEnded(after.status)) throw problem('NOT_AMENDABLE', `The order is ${after.status}.`);
    throw problem(AMENDMENT_IN_PROGRESS, 'A charge, a cut or another amendment of the order is under way.');
  }
  return { status: 202, body: after, headers: { location: orderPath(orderId), 'retry-after': '1' } };
}

function refuseInvalid({ items }: OrderView, wanted: AmendOrder['items']): void {
  const ordered = new Set(items.map(({ sku }) => sku));
  const faults = wanted.flatMap(({ sku, quantity }, index) =>
    quantity === 0 && !ordered.has(sku)
      ? [{ path: `items.${index}.sku`, message: `is not in this order: ${sku}` }]
      : [],
  );
  const count = new Set([...ordered, ...wanted.map(({ sku }) => sku)]).size;
  if (count > MAX_ITEMS)
    faults.push({ path: 'items', message: `an order has at most ${MAX_ITEMS} products` });
  if (faults.length > 0) throw invalid(faults);
}

function refusal({ code, detail, details }: AmendmentOutcome): Error {
  const why: AmendRefusalCode = code ?? 'NOT_AMENDABLE';
  switch (why) {
    case 'NOTHING_LEFT':
      return invalid([{ path: 'items', message: 'nothing would be left of the order: cancel it instead' }]);
    case 'OUT_OF_STOCK':
      return outOfStock((details['shortages'] ?? []) as Shortage[]);
    default:
      return problem(why, detail ?? 'The order stays as it was.', details);
  }
}
