import {
  execute,
  maybeOne,
  one,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import { utcMicros } from '../../../platform/database/pages';
import { notPutOff } from '../alerts/put-off-sql';

export interface StockTotals {
  /** When they were counted: RFC 3339 in UTC, with microseconds. */
  asOf: string;
  products: number;
  locations: number;
  /** Products at locations. */
  places: number;
  onHand: number;
  reserved: number;
  available: number;
}

/** A sum of ten million rows may take longer than the pool allows a statement. */
export function extendStatementTimeout(tx: Transaction): Promise<number> {
  return execute(
    tx,
    'metrics.extend_statement_timeout',
    `select set_config('statement_timeout', '5min', true)`,
  );
}

/** Reads the whole table, with parallel workers where there are any: no index may hold what changes with each sale. */
export function selectStockTotals(on: Queryable): Promise<StockTotals> {
  return one<StockTotals>(
    on,
    'metrics.stock_totals',
    `select ${utcMicros('statement_timestamp()')} as "asOf", (select count(*) from products) as products, (select count(*) from warehouses) as locations, s.*
     from (select count(*) as places, coalesce(sum(on_hand), 0)::bigint as "onHand",
             coalesce(sum(reserved), 0)::bigint as reserved,
             -- What can be ordered: nothing of a closed warehouse.
             coalesce(sum(available) filter (where warehouse_id <> all (array(select id from warehouses where not active))), 0)::bigint
               as available from stock) s`,
  );
}

export interface ReservationTotals {
  /** Unpaid or unconfirmed reservations. */
  open: number;
  units: number;
  inTransit: number;
  short: number;
}

/** By the partial indexes of reservations that may fall due, of transfers on their way and of places that are short. */
export function selectReservationTotals(on: Queryable): Promise<ReservationTotals> {
  return one<ReservationTotals>(
    on,
    'metrics.reservation_totals',
    `select count(distinct r.id) as open, coalesce(sum(l.open_quantity), 0)::bigint as units,
       (select coalesce(sum(open), 0)::bigint from transfers where status = 'in_transit') as "inTransit",
       (select coalesce(sum(open), 0)::bigint from stock_shortfalls where open > 0) as short
     from reservations r left join reservation_lines l on l.reservation_id = r.id where r.status = 'pending'`,
  );
}

export interface LedgerCheck {
  at: Date;
  findings: number;
}

/** What the latest checks of counters against the ledger found; undefined: there was none yet. */
export function selectLedgerCheck(
  on: Queryable,
  checkIds: readonly string[],
): Promise<LedgerCheck | undefined> {
  return maybeOne<LedgerCheck>(
    on,
    'metrics.ledger_check',
    `select max(latest.finished_at) as at, sum(latest.findings)::bigint as findings
     from unnest($1::text[]) as wanted (check_id)
     cross join lateral (
       select finished_at, findings from consistency_checks c
       where c.check_id = wanted.check_id order by c.started_at desc limit 1) latest
     having count(*) > 0`,
    [checkIds],
  );
}

export interface UpkeepRow {
  /** Age of the oldest message that was not delivered, seconds, without those whose delivery fails; 0: there is none. */
  outboxSeconds: number;
  /** Without those that could not be freed and are put off. */
  overdueHolds: number;
  /** Months after this one that the ledger has a partition for. */
  partitionsAhead: number;
  driftAlerts: number;
  tamperAlerts: number;
  /** Subjects on which work failed so that an alert tells of it. */
  failedWork: number;
  /** Alerts that an order needs a person, which are not resolved. */
  attention: number;
}

/** @param reservationGraceSeconds how long after it fell due a reservation may still be there */
export function selectUpkeep(on: Queryable, reservationGraceSeconds: number): Promise<UpkeepRow> {
  return one<UpkeepRow>(
    on,
    'metrics.upkeep',
    `select
       coalesce((select extract(epoch from clock_timestamp() - min(o.created_at)) from outbox o
                 where not exists (select from failed_work f
                                   where f.work = 'deliver_message' and f.subject = o.topic || ' ' || o.key)),
                0)::float8 as "outboxSeconds",
       (select count(*) from reservations r
        where r.status = 'pending' and r.expires_at < statement_timestamp() - make_interval(secs => $1)
          and ${notPutOff('expire_reservation', 'r.id')}) as "overdueHolds",
       (select count(*) from ledger_partitions where lower_bound > statement_timestamp()) as "partitionsAhead",
       (select count(*) from alerts where status <> 'resolved' and kind = 'ledger_drift') as "driftAlerts",
       (select count(*) from alerts where status <> 'resolved' and kind = 'ledger_tampered') as "tamperAlerts",
       (select count(*) from alerts where kind = 'work_failed' and status <> 'resolved') as "failedWork",
       (select count(*) from alerts where status <> 'resolved' and kind = 'attention') as attention`,
    [reservationGraceSeconds],
  );
}
