import type { AmendableItem, AmendableRow } from '../../orders/amend';
import { hasEnded, isReviewed, priceOf } from '../../orders/rules';
import type { ReservationRow } from '../../stock/reservations/reservations';
import type { ProductSnapshot } from '../../stock/reservations/plan-reservation';
import type { AmendRefusal, OrderedItems } from './types';

/** What an amendment changes, in units. */
export interface ItemChanges {
  additions: { sku: string; quantity: number }[];
  reductions: { sku: string; productId: number; quantity: number; unitPriceMinor: number }[];
  /** What the order has afterwards: each SKU once, none with 0. */
  items: OrderedItems;
}

/** Quantities are absolute; SKUs that are not named stay, 0 removes one. */
export function changesOf(
  items: readonly AmendableItem[],
  wanted: readonly { sku: string; quantity: number }[],
): ItemChanges {
  const quantities = new Map(items.map(({ sku, quantity }) => [sku, quantity]));
  const additions = wanted.flatMap(({ sku, quantity }) => {
    const more = quantity - (quantities.get(sku) ?? 0);
    return more > 0 ? [{ sku, quantity: more }] : [];
  });
  const reductions = items.flatMap(({ sku, productId, quantity, unitPriceMinor }) => {
    const less = quantity - (wanted.find((one) => one.sku === sku)?.quantity ?? quantity);
    return less > 0 ? [{ sku, productId, quantity: less, unitPriceMinor }] : [];
  });
  for (const { sku, quantity } of wanted) quantities.set(sku, quantity);
  return {
    additions,
    reductions,
    items: [...quantities].flatMap(([sku, quantity]) => (quantity > 0 ? [{ sku, quantity }] : [])),
  };
}

/** Where an order stands, as far as it decides whether it can be amended. */
export interface Standing {
  order: Pick<AmendableRow, 'status' | 'isBeingCancelled' | 'isInReview'>;
  reservations: readonly Pick<ReservationRow, 'status' | 'msLeft'>[];
  /** None of its shipments is being booked or stopped, or was booked. */
  isUnbooked: boolean;
  /** Units are being taken out of it. */
  isBeingCut: boolean;
  /** Another amendment of it is under way. */
  isBeingAmended: boolean;
}

/** What is under way of an order that is to be decided before it is amended: it passes by itself. Null: nothing is. */
export function whyBusy({ order, reservations, isBeingCut, isBeingAmended }: Standing): string | null {
  if (hasEnded(order.status) || order.isBeingCancelled) return null;
  if (isBeingAmended) return 'Another amendment of it is under way.';
  if (reservations.some(({ status }) => status === 'charging')) return 'A charge of it is under way.';
  return isBeingCut ? 'Units are being taken out of it.' : null;
}

/** Why an order of which nothing is under way cannot be amended; null: it can. */
export function whyNotAmendable(standing: Standing): AmendRefusal | null {
  const detail = whyNot(standing);
  return detail === null ? null : notAmendable(detail);
}

function whyNot({ order, reservations, isUnbooked }: Standing): string | null {
  if (hasEnded(order.status)) return `The order is ${order.status}.`;
  if (order.isBeingCancelled) return 'The order is being cancelled.';
  if (order.isInReview) return 'Somebody is reviewing it.';
  if (!isUnbooked) return 'A parcel of it is being booked or stopped, is booked, or has left.';
  const unpaid = reservations.filter(({ status }) => status === 'pending');
  const isDue = unpaid.length > 0 && unpaid.every(({ msLeft }) => (msLeft ?? 0) <= 0);
  return isDue && order.status === 'reserved' ? 'Its hold has expired.' : null;
}

export function notAmendable(detail: string): AmendRefusal {
  return { code: 'NOT_AMENDABLE', detail };
}

/** What is to be added, as a product of the catalogue. */
export interface Addition extends ProductSnapshot {
  quantity: number;
}

/**
 * Why these products cannot be added to an order; null: they can. An item has one price: units of a product that costs something else by
 * now are not added at the old one, at which it is not sold any more, nor at the new one, which those of the order do not have.
 */
export function whyNotAdded(
  order: Pick<AmendableRow, 'currency'>,
  items: readonly AmendableItem[],
  additions: readonly Addition[],
  amountProblem: (amountMinor: number, currency: string) => string | null,
): AmendRefusal | null {
  for (const { sku, priceMinor, currency } of additions) {
    if (currency !== order.currency)
      return {
        code: 'MIXED_CURRENCIES',
        detail: `${sku} is sold in ${currency}, the order in ${order.currency}.`,
      };
    const item = items.find((one) => one.sku === sku);
    if (item && item.unitPriceMinor !== priceMinor)
      return {
        code: 'PRICE_CHANGED',
        detail: `${sku} was ordered at ${item.unitPriceMinor} and costs ${priceMinor} now. Place a new order for more of it.`,
        details: { sku, orderedAtMinor: item.unitPriceMinor, priceMinor },
      };
    // The gateway is not asked for nothing.
    const problem = priceMinor === 0 ? null : amountProblem(priceMinor, currency);
    if (problem)
      return {
        code: 'PRICE_NOT_CHARGEABLE',
        detail: `${sku} costs ${priceMinor} minor units of ${currency}. ${problem}`,
      };
  }
  return null;
}

/** What an order costs with these changes, minor units. */
export function totalWith(
  { totalMinor }: Pick<AmendableRow, 'totalMinor'>,
  { additions, reductions }: { additions: readonly Addition[] } & Pick<ItemChanges, 'reductions'>,
): number {
  const more = additions.map(({ quantity, priceMinor: unitPriceMinor }) => ({ quantity, unitPriceMinor }));
  return totalMinor + priceOf(more) - priceOf(reductions);
}

/**
 * Why an order would need a review, or another one, to cost this much: nobody gets more past a review than somebody has looked at. Null:
 * it needs none, or it is still to come. What an unpaid order has is looked at once its money is authorised, so it may grow as long as
 * nobody has decided.
 *
 * @param change.isInPlace what the order keeps reserved changes, before it is paid for
 */
export function whyReviewNeeded(
  order: Pick<AmendableRow, 'currency' | 'totalMinor' | 'reviewStatus' | 'review'>,
  { totalMinor, isInPlace }: { totalMinor: number; isInPlace: boolean },
): AmendRefusal | null {
  const { currency, reviewStatus, review } = order;
  if (isInPlace && (reviewStatus === null || reviewStatus === 'open' || totalMinor <= order.totalMinor))
    return null;
  if (reviewStatus !== null) return notAmendable('It is reviewed as it is. Place a new order for more.');
  return isReviewed(review ?? undefined, { currency, totalMinor })
    ? notAmendable('With so much more somebody would have to review it. Place a new order for more.')
    : null;
}
