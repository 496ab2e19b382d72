import { execute, many, type Transaction } from '../../../platform/database/database';
import { costsTooMuch, NOTE_STEPS, ownedUnits } from './averages-sql';

const OWNED = ownedUnits('c.product_id');

/** SQL of when what a product costs changed last: its average, or the units that it is about. */
const latestStep = (productId: string) =>
  `(select max(k.at) from product_cost_steps k where k.product_id = ${productId})`;

export function insertReceiptAverages(
  tx: Transaction,
  receiptId: string,
  productIds: readonly number[],
): Promise<number> {
  return execute(
    tx,
    'costing.insert_receipt_averages',
    `insert into receipt_averages (receipt_id, product_id, average_before, base_units)
     select $1, c.product_id, c.average_minor, case when c.average_minor is null then 0 else least(c.costed_units, ${OWNED}) end
     from product_costs c where c.product_id = any ($2::int[]) order by c.product_id`,
    [receiptId, productIds],
  );
}

export function updateAveragesAfter(
  tx: Transaction,
  receiptId: string,
  productIds: readonly number[],
): Promise<number> {
  return execute(
    tx,
    'costing.update_averages_after',
    `update receipt_averages a set average_after = c.average_minor, step_at = ${latestStep('a.product_id')} from product_costs c
     where a.receipt_id = $1 and a.product_id = any ($2::int[]) and c.product_id = a.product_id`,
    [receiptId, productIds],
  );
}

/** The document that corrects a receipt, or takes it back. */
export interface Correction {
  receiptId: string;
  changeId: string;
}

/** What a receipt brings more, or less, of a product with a cost. */
export interface CostChange {
  productId: number;
  /** Units with a cost, signed. */
  quantity: number;
  /** Units that come or go, with a cost or without, signed. */
  moved: number;
  /** Minor units, signed. */
  valueMinor: bigint;
  /** Of `quantity`: of which a newer absolute number has seen what came. One that did not come is off the books already. */
  counted: number;
}

/** A product whose average was changed. `costsTooMuch`: all its units together cost more than an amount can be. */
export interface ChangedAverage {
  productId: number;
  costsTooMuch: boolean;
}

/** What the units that a product's average is about were worth before the statement, with `c` the row of its costs. */
const WORTH_BEFORE = `least(c.costed_units, ${OWNED}) * coalesce(c.average_minor, 0)`;

/**
 * SQL that notes what a correction changed about the cost of units that are not in stock any more: what it `brought`, less what the units in
 * stock are worth more by it, both of `of`.
 *
 * @param changeId SQL of the correction
 */
function noteCorrections(of: string, changeId: string): string {
  return `insert into cost_corrections (change_id, product_id, at, currency, amount_minor)
    select ${changeId}, product_id, ledger_time(), currency, amount
    from (select r.product_id, r.currency,
                 round(b.brought - (coalesce(r.average_minor, 0) * r.costed_units - b.worth_before)) as amount
          from changed r join ${of} b on b.product_id = r.product_id) d
    where amount <> 0`;
}

const CHANGED = `select product_id as "productId", ${costsTooMuch(String(Number.MAX_SAFE_INTEGER))} as "costsTooMuch" from changed`;

/**
 * Where no document has changed what a product costs since this receipt: what the average before it and the receipt as it is now make.
 * The same average is not enough: another receipt of the same cost may have been taken back. Returns those products.
 */
export function restoreAverages(
  tx: Transaction,
  { receiptId, changeId }: Correction,
  changes: readonly CostChange[],
): Promise<ChangedAverage[]> {
  return many<ChangedAverage & Record<string, unknown>>(
    tx,
    'costing.restore_averages',
    `with unchanged as (
       select a.product_id, a.average_before, a.base_units, l.units, l.value, greatest(0, ${OWNED} + d.moved) as owned, d.brought,
              ${WORTH_BEFORE} as worth_before
       from unnest($2::int[], $3::bigint[], $4::numeric[]) as d (product_id, moved, brought)
       join receipt_averages a on a.receipt_id = $1 and a.product_id = d.product_id
       join product_costs c on c.product_id = a.product_id and c.average_minor is not distinct from a.average_after
         and a.step_at = ${latestStep('a.product_id')}
       cross join lateral (
         select coalesce(sum(quantity), 0) as units, coalesce(sum(quantity * unit_cost_minor::numeric), 0) as value from receipt_lines l
         where l.receipt_id = a.receipt_id and l.product_id = a.product_id and l.unit_cost_minor is not null) l
       where not exists (select from receipt_averages n where n.product_id = a.product_id and n.seq > a.seq)
     ), changed as (
       update product_costs c
       set average_minor = case when u.units = 0 then u.average_before
             else (coalesce(u.average_before, 0) * u.base_units + u.value) / (u.base_units + u.units) end,
           costed_units = least(u.base_units + u.units, u.owned)
       from unchanged u where u.product_id = c.product_id
       returning c.product_id, c.average_minor, c.costed_units, c.currency, u.owned
     ), kept as (
       update receipt_averages a set average_after = r.average_minor, step_at = ledger_time() from changed r
       where a.receipt_id = $1 and a.product_id = r.product_id
     ), noted as (
       ${NOTE_STEPS}
     ), corrected as (
       ${noteCorrections('unchanged', '$5::uuid')}
     )
     ${CHANGED}`,
    [
      receiptId,
      changes.map((c) => c.productId),
      changes.map((c) => c.moved),
      changes.map((c) => String(c.valueMinor)),
      changeId,
    ],
  );
}

/**
 * Units and cost are added to those that the average is about. Where none of those is left the average stays, and is about none. Units that
 * did not come, and that a count has taken off since, went at the average after the receipt: what they cost otherwise is left.
 */
export function applyToAverages(
  tx: Transaction,
  { receiptId, changeId }: Correction,
  changes: readonly CostChange[],
): Promise<ChangedAverage[]> {
  return many<ChangedAverage & Record<string, unknown>>(
    tx,
    'costing.apply_to_averages',
    `with given as (
       select d.product_id, d.moved, d.value as brought, d.quantity - least(0, d.counted) as quantity,
              d.value - least(0, d.counted) * coalesce((
                select a.average_after from receipt_averages a where a.receipt_id = $5 and a.product_id = d.product_id), 0) as value
       from unnest($1::int[], $2::bigint[], $3::numeric[], $4::bigint[], $6::bigint[])
         as d (product_id, quantity, value, moved, counted)
     ), base as (
       select d.product_id, d.quantity, d.value, greatest(0, ${OWNED} + d.moved) as owned, least(c.costed_units, ${OWNED}) as units,
              d.brought, ${WORTH_BEFORE} as worth_before
       from given d join product_costs c on c.product_id = d.product_id
     ), changed as (
       update product_costs c
       set average_minor = case when b.units + b.quantity > 0
             then greatest(0, (coalesce(c.average_minor, 0) * b.units + b.value) / (b.units + b.quantity)) else c.average_minor end,
           costed_units = greatest(0, least(b.units + b.quantity, b.owned))
       from base b where c.product_id = b.product_id
       returning c.product_id, c.average_minor, c.costed_units, c.currency, b.owned
     ), noted as (
       ${NOTE_STEPS}
     ), corrected as (
       ${noteCorrections('base', '$7::uuid')}
     )
     ${CHANGED}`,
    [
      changes.map((c) => c.productId),
      changes.map((c) => c.quantity),
      changes.map((c) => String(c.valueMinor)),
      changes.map((c) => c.moved),
      receiptId,
      changes.map((c) => c.counted),
      changeId,
    ],
  );
}
