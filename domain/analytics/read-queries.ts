import { one, type Queryable } from '../../platform/database/database';
import { utcMicros } from '../../platform/database/pages';
import { FOLLOWER } from './sums-sql';

/** How far the sums are, and what they lack. */
export interface Place {
  /** RFC 3339 UTC. */
  asOf: string;
  position: number;
  /** When the events up to the position were numbered; null: that is kept no more. */
  numberedAt: string | null;
  isReady: boolean;
  /** Rows that are not in the sums, no fewer than there are. */
  tail: number;
  /** Nothing is known of the time before; null: all is. */
  knownFrom: string | null;
  /** Hours are known from then on. */
  hoursFrom: string | null;
}

export function selectPlace(on: Queryable): Promise<Place> {
  return one<Place & Record<string, unknown>>(
    on,
    'analytics.place',
    `with ${FOLLOWER.unsummed}
     select ${utcMicros('statement_timestamp()')} as "asOf", c.position::float8 as position,
       (select ${utcMicros('b.numbered_at')} from event_batches b where b.first_position <= c.position order by b.first_position desc limit 1) as "numberedAt",
       ${FOLLOWER.isReady} as "isReady",
       (select coalesce(sum(greatest(least(w.to_id - 1, m.id) - w.from_id + 1, 0)), 0) from wanted w join (values
          ('ledger', (select coalesce(max(t.id), 0) from inventory_transactions t)), ('orders', (select coalesce(max(t.id), 0) from order_events t))) m (source, id)
          on m.source = w.source)::float8 as tail,
       ${utcMicros(`nullif(c.known_from, '-infinity')`)} as "knownFrom",
       ${utcMicros('(select max(upper_bound) from ledger_folds)')} as "hoursFrom"
     from ${FOLLOWER.place}`,
  );
}

/** When days of a time zone begin, and whether each of these offsets from UTC is a whole hour. */
export function selectBegins(
  on: Queryable,
  { before, from, to, tz }: { before: string; from: string; to: string; tz: string },
): Promise<{ before: string; from: string; to: string; isWholeHours: boolean }> {
  return one(
    on,
    'analytics.begins',
    `select ${utcMicros('b')} as before, ${utcMicros('f')} as "from", ${utcMicros('t')} as "to",
       extract(epoch from b)::bigint % 3600 = 0 and extract(epoch from f)::bigint % 3600 = 0 and extract(epoch from t)::bigint % 3600 = 0
         as "isWholeHours"
     from (select day_start($1::date, $4) as b, day_start($2::date, $4) as f, day_start($3::date, $4) as t) d`,
    [before, from, to, tz],
  );
}
