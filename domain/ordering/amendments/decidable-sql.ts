/**
 * SQL of whether something can be done about an amendment `a`: it is not begun; what it adds was charged, declined or given up; or what it
 * takes out is cut.
 */
export function decidable(a: string): string {
  return `(${a}.state = 'open' and case ${a}.stage
    when 'charging' then not exists (
      select from reservations ar
      where ar.id = ${a}.reservation_id and (ar.status = 'charging' or ar.status = 'pending' and ar.attempt = 0))
    when 'cutting' then not exists (select from order_cuts ac where ac.request_id = ${a}.id and ac.state = 'open')
    else true end)`;
}
