/**
 * SQL of what a cut lacks, as `int8multirange`: entries below its last that cannot be seen, since they are being written or never were.
 *
 * @param of.cuts table that has the cuts made before, as `sees_to` and `missing`: below the last whole one nothing is written any more
 * @param of.last SQL of the last entry that it sees, `bigint`
 * @param of.isWhole SQL of whether nothing is being written below that
 */
export function missingBelow({
  cuts,
  last,
  isWhole,
}: {
  cuts: string;
  last: string;
  isWhole: string;
}): string {
  return `case when ${isWhole} then '{}' else (
         select int8multirange(int8range(w.last, ${last}, '(]')) - coalesce(
           (select range_agg(int8range(l.id, l.id, '[]')) from money_ledger l where l.id > w.last and l.id <= ${last}), '{}')
         from (select coalesce(max(sees_to), 0) as last from ${cuts} where missing = '{}') w) end`;
}

/** SQL of whether an entry of the ledger is in a cut; a cut is SQL of a row with `sees_to` and `missing`. */
export function isSeenBy(entry: string, cut: string): string {
  return `(${entry}.id <= ${cut}.sees_to and not ${entry}.id <@ ${cut}.missing)`;
}

/** SQL of the id up to which a cut has everything: what it lacks has a higher one. */
export function wholeUpTo(cut: string): string {
  return `case when isempty(${cut}.missing) then ${cut}.sees_to else lower(${cut}.missing) - 1 end`;
}
