import type { CaptureMode, ItemStatus, OrderInput, OrderStatus, PricedUnits, ReviewTerms } from './types';

/** Every change of an order's status that may happen. */
export const ORDER_TRANSITIONS: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  reserved: ['paid', 'expired', 'cancelled', 'failed'],
  paid: ['fulfilling', 'fulfilled', 'cancelled', 'failed'],
  fulfilling: ['fulfilled', 'cancelled', 'failed'],
  fulfilled: [],
  rejected: [],
  expired: [],
  cancelled: [],
  failed: [],
};

export function mayBecome(from: OrderStatus, to: OrderStatus): boolean {
  return ORDER_TRANSITIONS[from].includes(to);
}

export function hasEnded(status: OrderStatus): boolean {
  return ORDER_TRANSITIONS[status].length === 0;
}

/** Units of one item, by what became of them. They always add up to `quantity`. */
export interface ItemUnits {
  quantity: number;
  reserved: number;
  backordered: number;
  fulfilled: number;
  cancelled: number;
}

/** An item's status is that of its least advanced units. */
export function itemStatus(units: ItemUnits): ItemStatus {
  if (units.backordered > 0) return 'backordered';
  if (units.reserved > 0) return 'reserved';
  return units.fulfilled > 0 ? 'fulfilled' : 'cancelled';
}

/** The price of some units, minor units: each quantity times its unit price. */
export function priceOf(units: readonly PricedUnits[]): number {
  return units.reduce((sum, { quantity, unitPriceMinor }) => sum + quantity * unitPriceMinor, 0);
}

/** Whether an amount is told exactly: beyond 2^53 - 1 a number of JSON is rounded by most that read it. Larger ones are refused. */
export function isTellable(amountMinor: number): boolean {
  return Number.isSafeInteger(amountMinor);
}

export const TOO_DEAR = `The order would cost more than ${Number.MAX_SAFE_INTEGER} minor units.`;

/** Whether an order of this total is reviewed: none is without terms, nor in a currency that they do not name. */
export function isReviewed(
  terms: Pick<ReviewTerms, 'fromMinor'> | undefined,
  { currency, totalMinor }: { currency: string; totalMinor: number },
): boolean {
  const from = terms?.fromMinor[currency];
  return from !== undefined && totalMinor >= from;
}

/** Whether a payment that begins now is only authorised: so it is while its order is reviewed, whenever the order wants its money taken. */
export function isCapturedLater({
  capture,
  isReviewOpen,
}: {
  /** Absent: with the order. */
  capture?: CaptureMode | undefined;
  isReviewOpen: boolean;
}): boolean {
  return isReviewOpen || capture === 'on_shipment';
}

/** Whether its customer has placed it, and nobody for them. */
export function isOrderedByCustomer({
  owner,
  customerId,
}: Pick<OrderInput, 'owner' | 'customerId'>): boolean {
  return owner === `user:${customerId}`;
}

/** The caller who placed an order. */
export function ownerOf({ owner = 'anonymous' }: Pick<OrderInput, 'owner'>): string {
  return owner;
}

/**
 * Whether what `actor` does to an order goes into the audit log too: they are not its customer, and are a person, or not who placed it. The
 * same in SQL: `insertEvents`.
 */
export function isOfAnother(
  actor: string,
  { owner, customerId }: { owner: string; customerId: string },
): boolean {
  return actor !== `user:${customerId}` && (actor.startsWith('user:') || actor !== owner);
}
