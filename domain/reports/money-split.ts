import { partsOf } from '../../platform/largest-remainder';
import type { KINDS_WITHOUT_PAYMENT, MoneyKind } from '../money/types';

/** Kinds of entries of the money ledger that reports count: those of a payment. */
export type PaymentKind = Exclude<MoneyKind, (typeof KINDS_WITHOUT_PAYMENT)[number]>;

/** An entry of the money ledger. */
export interface MoneyEntry {
  kind: PaymentKind;
  /** Null: the money is the customer's. */
  merchantId: number | null;
  amountMinor: bigint;
  /** The capture, refund or dispute, and which turn of it. */
  sourceId: string;
  turn: number;
  /** Of a capture: the units that it pays for, at their price; null: they were not noted. */
  units: readonly Part[] | null;
  /** Of a capture: the parcel that it pays for; null: everything that was not captured apart. */
  shipmentId: string | null;
  /** Of a refund: minor units by product that it gives back for; null: not for certain units. */
  forProducts: ReadonlyMap<number, bigint> | null;
}

/** Units of a product at a warehouse that a payment is for. */
export interface PaidUnits {
  productId: number;
  warehouseId: number;
  merchantId: number;
  /** The parcel whose items they are; null: of all that was reserved. */
  shipmentId: string | null;
  quantity: bigint;
  /** Minor units */
  priceMinor: bigint;
}

/** Where a part of an entry belongs. Null product, null warehouse: nothing says it. */
export interface Part {
  productId: number | null;
  warehouseId: number | null;
  amountMinor: bigint;
}

/**
 * Splits what the money ledger has of a payment by product and warehouse. The parts of an entry are whole, none is negative, and they add up to
 * it.
 *
 * - A capture by the units that it pays for, at their price: those that were noted with it, else of its parcel, else of all that was reserved,
 *   those of the entry's merchant.
 * - A refund by the products that it gives back for, else, as a dispute, by what is left of what was captured.
 * - A refund or dispute that came back as it went; a fee, and one that is given back, as the entry that it is about.
 * - What belongs to the customer is of no product.
 *
 * @param entries all of the payment up to some entry, in the order of their ids
 * @param units what the payment is for; empty: of no product
 * @returns the parts of each entry, in the order of the entries
 */
export function splitPayment(entries: readonly MoneyEntry[], units: readonly PaidUnits[]): Part[][] {
  const left = new Map<string, Part & { merchantId: number | null }>();
  const parted = new Map<string, Part[]>();

  function move({ merchantId }: MoneyEntry, parts: readonly Part[], sign: 1n | -1n): void {
    for (const { productId, warehouseId, amountMinor } of parts) {
      const key = `${merchantId} ${productId} ${warehouseId}`;
      const before = left.get(key)?.amountMinor ?? 0n;
      left.set(key, { merchantId, productId, warehouseId, amountMinor: before + sign * amountMinor });
    }
  }

  const leftOf = ({ merchantId }: MoneyEntry): readonly Part[] =>
    [...left.values()].filter((part) => part.merchantId === merchantId && part.amountMinor > 0n);

  /** By what is left, else as if it were captured. */
  const bearing = (entry: MoneyEntry): readonly Part[] =>
    firstOf([() => leftOf(entry), () => pricesOf(entry, units)]);

  function givenBack(entry: MoneyEntry): Part[] {
    if (entry.forProducts === null) return split(entry, bearing(entry));
    const known = [...left.values(), ...units].filter(({ merchantId }) => merchantId === entry.merchantId);
    const products = [...entry.forProducts].filter(
      ([productId, amountMinor]) => amountMinor > 0n && known.some((one) => one.productId === productId),
    );
    const byProduct = products.map(([productId, amountMinor]) => {
      return { productId, warehouseId: null, amountMinor };
    });
    // First by product, as it says; then each by where what is left of it was.
    return split(entry, firstOf([() => byProduct, () => bearing(entry)])).flatMap((part) => {
      if (part.warehouseId !== null || part.productId === null) return [part];
      const ofProduct = (parts: readonly Part[]) =>
        parts.filter(({ productId }) => productId === part.productId);
      const places = firstOf([() => ofProduct(leftOf(entry)), () => ofProduct(pricesOf(entry, units))]);
      return split(part, places.length > 0 ? places : [part]);
    });
  }

  // Fees move nothing of what is left, and are written in one statement with what they are about, in any order.
  const isFee = ({ kind }: MoneyEntry) => kind === 'fee' || kind === 'fee_returned';
  for (const entry of [...entries.filter((one) => !isFee(one)), ...entries.filter(isFee)])
    parted.set(keyOf(entry, entry.kind), partsOfEntry(entry));
  return entries.map((entry) => parted.get(keyOf(entry, entry.kind)) ?? []);

  function partsOfEntry(entry: MoneyEntry): Part[] {
    const as = (kind: PaymentKind) => parted.get(keyOf(entry, kind));
    switch (entry.kind) {
      case 'capture': {
        const parts = split(entry, weighed(entry.units ?? pricesOf(entry, units)));
        move(entry, parts, 1n);
        return parts;
      }
      case 'refund':
      case 'dispute': {
        const parts = entry.kind === 'refund' ? givenBack(entry) : split(entry, bearing(entry));
        move(entry, parts, -1n);
        return parts;
      }
      case 'refund_failed':
      case 'dispute_reversed': {
        const went = as(entry.kind === 'refund_failed' ? 'refund' : 'dispute');
        const parts = split(entry, went ?? bearing(entry));
        move(entry, parts, 1n);
        return parts;
      }
      case 'fee':
      case 'fee_returned':
        return split(entry, as('refund_failed') ?? as('refund') ?? as('capture') ?? bearing(entry));
    }
  }
}

function keyOf({ sourceId, turn, merchantId }: MoneyEntry, kind: PaymentKind): string {
  return `${sourceId} ${turn} ${merchantId} ${kind}`;
}

const NOWHERE: Part = { productId: null, warehouseId: null, amountMinor: 1n };

/** What the units of a capture come to: of its parcel, of its merchant; where there are none of these, of the next best. */
function pricesOf({ shipmentId, merchantId }: MoneyEntry, units: readonly PaidUnits[]): readonly Part[] {
  if (merchantId === null) return [NOWHERE];
  const ofParcel = units.filter((unit) => unit.shipmentId === shipmentId);
  const reserved = units.filter((unit) => unit.shipmentId === null);
  const chosen = firstOf([
    () => ofParcel.filter((unit) => unit.merchantId === merchantId),
    () => reserved.filter((unit) => unit.merchantId === merchantId),
    () => ofParcel,
    () => reserved,
  ]);
  return weighed(
    chosen.map(({ productId, warehouseId, quantity, priceMinor }) => {
      return { productId, warehouseId, amountMinor: quantity * priceMinor };
    }),
  );
}

/** Those that cost nothing together have the same part each. */
function weighed(parts: readonly Part[]): readonly Part[] {
  return parts.every(({ amountMinor }) => amountMinor === 0n)
    ? parts.map((part) => ({ ...part, amountMinor: 1n }))
    : parts;
}

/** Parts of an amount as large to each other as those of `by`; of no product where these are none. */
function split({ amountMinor }: { amountMinor: bigint }, by: readonly Part[]): Part[] {
  const some = by.filter((part) => part.amountMinor > 0n);
  const places = some.length > 0 ? some : [NOWHERE];
  const amounts = partsOf(
    amountMinor,
    places.map((part) => part.amountMinor),
  );
  return places
    .map(({ productId, warehouseId }, at) => ({ productId, warehouseId, amountMinor: amounts[at] ?? 0n }))
    .filter((part) => part.amountMinor > 0n);
}

/** The first list that has anything, else an empty one. */
function firstOf<Item>(lists: readonly (() => readonly Item[])[]): readonly Item[] {
  for (const list of lists) {
    const items = list();
    if (items.length > 0) return items;
  }
  return [];
}
