import type { When } from './units-sql';

/**
 * SQL that joins to a line `l` of a receipt what it says, as `s (quantity, unit_cost_minor)`: now, or what it said at a time: the
 * earliest document of after that says what was before it.
 *
 * @param at SQL of the time
 */
export function saidAt(when: When, at: string): string {
  if (when === 'now') return 'cross join lateral (select l.quantity, l.unit_cost_minor) s';
  return `left join lateral (
         select d.said from receipt_changes c
         cross join lateral (
           select x -> 'before' as said from jsonb_array_elements(c.lines) x where (x ->> 'line')::int = l.line) d
         where c.receipt_id = l.receipt_id and c.at > ${at} order by c.at, c.id limit 1) b on true
       cross join lateral (
         select coalesce((b.said ->> 'quantity')::int, l.quantity) as quantity,
                case when b.said is null then l.unit_cost_minor else (b.said ->> 'unitCostMinor')::bigint end as unit_cost_minor) s`;
}
