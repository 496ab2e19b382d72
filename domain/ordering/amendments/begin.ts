import type { Transaction } from '../../../platform/database/database';
import { readActive } from '../../catalog/warehouse-state';
import { holdShipments, lockUnbooked } from '../../fulfilment/hold';
import {
  amendOrder,
  readAmendable,
  readAmendableItems,
  type AddedUnits,
  type AmendableItem,
  type AmendableRow,
} from '../../orders/amend';
import { appendEvents } from '../../orders/events';
import { isTellable, priceOf, TOO_DEAR } from '../../orders/rules';
import { readSourcing } from '../../orders/views';
import type { PaymentGateway } from '../../payments/gateway';
import { lockStock } from '../../stock/ledger/stock-ledger';
import { planMoreUnits, reclaimableOf } from '../../stock/reservations/more-units';
import type { Candidates, ReservationPlan } from '../../stock/reservations/plan-reservation';
import { openLines, type ReservationRow } from '../../stock/reservations/reservations';
import type { SourcingStrategy } from '../../stock/sourcing/types';
import { lockWaitingBeforeFreeing } from '../backorders/backorders';
import { hasOpenCuts } from '../cuts/request';
import { checkUnpaidLimits, limitedCustomer, type UnpaidLimits } from '../unpaid-limits';
import { beginCuts } from './begin-cuts';
import { sourcingOf, stockReserved, type Begun } from './begun';
import { changeUnpaid } from './change-unpaid';
import { conclude, putOff, refuse } from './conclude';
import { countDeclined, updateBegun } from './queries';
import { reservePart } from './reserve-part';
import {
  changesOf,
  notAmendable,
  totalWith,
  whyBusy,
  whyNotAdded,
  whyNotAmendable,
  whyReviewNeeded,
  type ItemChanges,
  type Standing,
} from './rules';
import type { AmendmentUndo, AmendRefusal, OpenAmendment } from './types';

export interface BeginContext {
  /** Products that it names, and the stock rows they may be taken from. */
  candidates: Candidates;
  /** Of the order, locked. */
  reservations: readonly ReservationRow[];
  mayReclaim: boolean;
  isBeingAmended: boolean;
  gateway: Pick<PaymentGateway, 'amountProblem'>;
  strategy: SourcingStrategy;
  attemptLimit: number;
  unpaidLimits: UnpaidLimits;
}

/**
 * Begins an amendment, or refuses it. The caller has locked the order's reservations and the amendment; this locks stock, backorders,
 * shipments and the order, in this order.
 *
 * @returns products of which due reservations are to be freed first; empty: it is begun, done or refused
 */
export async function begin(
  tx: Transaction,
  amendment: OpenAmendment,
  context: BeginContext,
): Promise<number[]> {
  const { orderId, items: wanted } = amendment;
  const { candidates, reservations } = context;
  const unpaid = reservations.filter(({ status }) => status === 'pending').map(({ id }) => id);
  const named = await productsOf(tx, orderId, wanted);
  const lines = (await openLines(tx, unpaid)).filter(({ productId }) => named.has(productId));
  // Every row of what it names: only then a shortage is one.
  const levels = await lockStock(tx, [...candidates.rowsOf({ lines: wanted }), ...lines]);
  const waiting = await lockWaitingBeforeFreeing(
    tx,
    orderId,
    lines.map(({ productId }) => productId),
  );
  const isUnbooked = await lockUnbooked(tx, orderId);
  const order = await readAmendable(tx, orderId);
  if (!order) return [];
  const items = await readAmendableItems(tx, orderId);
  const changes = changesOf(items, wanted);
  // What is added to an order that has nothing reserved is charged as a part of its own where its method is known.
  const isInPlace =
    order.status === 'reserved' &&
    (unpaid.length > 0 || changes.additions.length === 0 || !order.hasPaymentMethod);
  const standing: Standing = {
    order,
    reservations,
    isUnbooked,
    isBeingAmended: context.isBeingAmended,
    isBeingCut: await hasOpenCuts(tx, orderId),
  };
  const busy = whyBusy(standing);
  if (busy !== null) return putOff(tx, amendment, busy);
  const refusal = whyNotAmendable(standing) ?? refusalOf(order, { items, changes, isInPlace }, context);
  if (refusal) return refuse(tx, amendment, refusal);
  const declined = changes.additions.length > 0 ? await countDeclined(tx, orderId) : 0;
  if (declined >= context.attemptLimit) return refuse(tx, amendment, TOO_OFTEN);

  const plan =
    changes.additions.length === 0
      ? null
      : planMoreUnits(
          { orderId, lines: changes.additions, shipTo: amendment.shipTo ?? order.shipTo },
          candidates,
          levels,
          await readActive(tx),
          order.sourcing ?? context.strategy,
        );
  if (plan && plan.outcome !== 'reserved') {
    const reclaimable = context.mayReclaim ? await reclaimableOf(tx, plan) : [];
    return reclaimable.length > 0 ? reclaimable : refuse(tx, amendment, outOfStock(plan));
  }
  const tooMuch = isInPlace ? await whyTooMuchUnpaid(tx, order, changes, context.unpaidLimits) : null;
  if (tooMuch) return refuse(tx, amendment, tooMuch);
  const begun: Begun = {
    order,
    changes,
    plan,
    added: addedOf(items, changes, candidates),
    waiting,
    reservations,
  };
  await (isInPlace ? changeUnpaid : beginPaid)(tx, amendment, begun);
  return [];
}

const TOO_OFTEN: AmendRefusal = {
  code: 'PAYMENT_ATTEMPTS_EXCEEDED',
  detail: 'Additions to this order were declined too often. Place a new order for more.',
};

/** A customer who has not paid keeps no more units from others than they may. Null: they would not. */
async function whyTooMuchUnpaid(
  tx: Transaction,
  order: AmendableRow,
  { additions }: ItemChanges,
  limits: UnpaidLimits,
): Promise<AmendRefusal | null> {
  const customerId = limitedCustomer(order);
  if (customerId === null || additions.length === 0) return null;
  const unpaid = await checkUnpaidLimits(tx, limits, [customerId]);
  return unpaid.refusalOf(customerId, {
    orders: 0,
    units: additions.reduce((sum, { quantity }) => sum + quantity, 0),
  });
}

/** Products of the order that an amendment names. */
async function productsOf(
  tx: Transaction,
  orderId: string,
  wanted: OpenAmendment['items'],
): Promise<Set<number>> {
  const items = await readAmendableItems(tx, orderId);
  const skus = new Set(wanted.map(({ sku }) => sku));
  return new Set(items.filter(({ sku }) => skus.has(sku)).map(({ productId }) => productId));
}

function refusalOf(
  order: AmendableRow,
  {
    items,
    changes,
    isInPlace,
  }: { items: readonly AmendableItem[]; changes: ItemChanges; isInPlace: boolean },
  { candidates, gateway }: BeginContext,
): AmendRefusal | null {
  if (changes.items.length === 0)
    return { code: 'NOTHING_LEFT', detail: 'Nothing would be left of the order. Cancel it instead.' };
  const unknown = changes.additions.map(({ sku }) => sku).filter((sku) => !candidates.products.has(sku));
  if (unknown.length > 0)
    return {
      code: 'UNKNOWN_SKU',
      detail: `There is no product ${unknown.join(', ')}.`,
      details: { skus: unknown },
    };
  const additions = changes.additions.flatMap(({ sku, quantity }) => {
    const product = candidates.products.get(sku);
    return product ? [{ ...product, quantity }] : [];
  });
  const refusal = whyNotAdded(order, items, additions, (...amount) => gateway.amountProblem(...amount));
  if (refusal || additions.length === 0) return refusal;
  const totalMinor = totalWith(order, { additions, reductions: changes.reductions });
  if (!isTellable(totalMinor)) return { code: 'PRICE_NOT_CHARGEABLE', detail: TOO_DEAR };
  const unseen = whyReviewNeeded(order, { totalMinor, isInPlace });
  if (unseen) return unseen;
  return order.status !== 'reserved' && !order.hasPaymentMethod
    ? notAmendable('No payment method is stored to which more could be charged.')
    : null;
}

function outOfStock({ shortages }: ReservationPlan): AmendRefusal {
  return {
    code: 'OUT_OF_STOCK',
    detail: 'There is not enough stock for what is added.',
    details: { shortages },
  };
}

function addedOf(
  items: readonly AmendableItem[],
  { additions }: ItemChanges,
  { products }: Candidates,
): AddedUnits[] {
  return additions.flatMap(({ sku, quantity }) => {
    const product = products.get(sku);
    const cancelled = items.find((item) => item.sku === sku)?.cancelled ?? 0;
    return product
      ? [
          {
            productId: product.productId,
            sku,
            unitPriceMinor: product.priceMinor,
            quantity,
            revived: Math.min(cancelled, quantity),
          },
        ]
      : [];
  });
}

/** What is added is a part with a payment of its own; what is taken out waits for that. */
async function beginPaid(
  tx: Transaction,
  amendment: OpenAmendment,
  { order, changes, plan, added, reservations }: Begun,
): Promise<void> {
  const { orderId, requestId, shipTo } = amendment;
  const address = shipTo === null ? {} : { shipTo };
  const undo: AmendmentUndo = {
    added,
    totalMinor: priceOf(added),
    ...(shipTo === null ? {} : { shipTo: order.shipTo }),
  };
  const isDone = plan === null && changes.reductions.length === 0;
  if (!isDone) await holdShipments(tx, orderId, requestId);
  if (plan) {
    const reservationId = await reservePart(tx, amendment, { order, plan, reservations });
    const sourcing = sourcingOf(plan);
    const before = (await readSourcing(tx, orderId)) ?? [];
    const earlier = before.filter(({ sku }) => sourcing.skus.includes(sku));
    await updateBegun(tx, requestId, {
      stage: 'charging',
      reservationId,
      undo: { ...undo, sourcing: { skus: sourcing.skus, decisions: earlier } },
    });
    await amendOrder(tx, orderId, {
      added,
      totalMinor: undo.totalMinor,
      ...address,
      sourcing,
    });
    await appendEvents(tx, [stockReserved(orderId, reservationId, plan)]);
    return;
  }
  await amendOrder(tx, orderId, { added: [], totalMinor: 0, ...address });
  if (isDone) await conclude(tx, amendment, { items: changes.items, totalMinor: order.totalMinor });
  else await beginCuts(tx, amendment, { changes, undo });
}
