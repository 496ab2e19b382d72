import type { Queryable } from '../../platform/database/database';
import { groupBy } from '../../platform/group-by';
import {
  selectGoods,
  selectMoneyEntries,
  selectPaidUnits,
  valuesOf,
  type GoodsRow,
  type MoneyEntryRow,
  type Scope,
} from './facts-queries';
import { splitPayment, type MoneyEntry, type PaidUnits, type Part, type PaymentKind } from './money-split';
import type { FigureColumn } from './sums-sql';

/** What is added to the sums: of a quarter of an hour, a product, a warehouse, a merchant and a currency. Figures that are absent are 0. */
export type Fact = {
  bucket: string;
  product_id: number | null;
  warehouse_id: number | null;
  merchant_id: number | null;
  currency: string;
} & Partial<Record<FigureColumn, string>>;

/**
 * What the ledgers have of a scope: goods that left and came back with what they cost, and money, split by product and warehouse. The same rows
 * are the same facts, whenever they are read.
 */
export async function readFacts(on: Queryable, scope: Scope): Promise<Fact[]> {
  const isOf = (source: string) => scope.of !== 'build' || scope.source === source;
  const goods = isOf('ledger') ? await selectGoods(on, scope.of, valuesOf(scope)) : [];
  const money = isOf('money') ? await readMoney(on, scope) : [];
  return [...goods.map(asFact), ...money];
}

function asFact(row: GoodsRow): Fact {
  return {
    bucket: row.bucket,
    product_id: row.productId,
    warehouse_id: row.warehouseId,
    merchant_id: row.merchantId,
    currency: row.currency,
    units: row.units,
    sales_minor: row.salesMinor,
    returned_units: row.returnedUnits,
    returned_minor: row.returnedMinor,
    costed_units: row.costedUnits,
    cost_minor: row.costMinor,
    uncosted_units: row.uncostedUnits,
  };
}

/** What an entry raises or lowers. */
const FIGURE: Readonly<Record<PaymentKind, { column: FigureColumn; sign: 1n | -1n }>> = {
  capture: { column: 'captured_minor', sign: 1n },
  refund: { column: 'refunded_minor', sign: 1n },
  refund_failed: { column: 'refunded_minor', sign: -1n },
  dispute: { column: 'disputed_minor', sign: 1n },
  dispute_reversed: { column: 'disputed_minor', sign: -1n },
  fee: { column: 'fee_minor', sign: 1n },
  fee_returned: { column: 'fee_minor', sign: -1n },
};

async function readMoney(on: Queryable, scope: Scope): Promise<Fact[]> {
  const rows = await selectMoneyEntries(on, scope.of, valuesOf(scope));
  const payments = groupBy(rows, ({ paymentId }) => paymentId);
  if (payments.size === 0) return [];
  const units = groupBy(await selectPaidUnits(on, [...payments.keys()]), ({ paymentId }) => paymentId);
  return [...payments].flatMap(([paymentId, entries]) => {
    const paid = (units.get(paymentId) ?? []).map((row): PaidUnits => ({
      ...row,
      quantity: BigInt(row.quantity),
      priceMinor: BigInt(row.priceMinor),
    }));
    const parts = splitPayment(entries.map(asEntry), paid);
    return entries.flatMap((row, at) =>
      (row.isWanted ? (parts[at] ?? []) : []).map((part) => moneyFact(row, part)),
    );
  });
}

function asEntry(row: MoneyEntryRow): MoneyEntry {
  const { kind, merchantId, sourceId, turn, shipmentId, units, forProducts } = row;
  return {
    kind,
    merchantId,
    amountMinor: BigInt(row.amountMinor),
    sourceId,
    turn,
    shipmentId,
    units:
      units &&
      units.map(([productId, warehouseId, minor]) => {
        return { productId, warehouseId, amountMinor: BigInt(Math.trunc(minor)) };
      }),
    forProducts:
      forProducts &&
      new Map(
        Object.entries(forProducts).map(([productId, minor]) => [
          Number(productId),
          BigInt(Math.trunc(minor)),
        ]),
      ),
  };
}

function moneyFact(
  { bucket, merchantId, currency, kind }: MoneyEntryRow,
  { productId, warehouseId, amountMinor }: Part,
): Fact {
  const { column, sign } = FIGURE[kind];
  return {
    bucket,
    product_id: productId,
    warehouse_id: warehouseId,
    merchant_id: merchantId,
    currency,
    [column]: String(sign * amountMinor),
  };
}
