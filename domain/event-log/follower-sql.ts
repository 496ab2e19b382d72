import { literals } from '../../platform/database/literals';
import type { EventSource } from './types';

/** SQL about what follows the stream and keeps sums of it, up to the position that its cursor has. */
export interface FollowerSql {
  /** How far the sums are: the cursor `c`, the head `h` of the stream, and the first batch `n` after the cursor that is kept. */
  place: string;
  /** Columns of `FollowerState`, from `place`. */
  state: string;
  /** Whether the sums can be read, from `place`: they have what was there before, and all positions after the cursor are kept. */
  isReady: string;
  /** The sources, in parentheses. */
  sources: string;
  /**
   * What is not in the sums, as the set `wanted (source, from_id, to_id)` of ids from one on up to before another: what was numbered after
   * them, and what has no position yet. In one snapshot with the sums it is exactly what they lack.
   */
  unsummed: string;
  /** What has a position now, of each source: rows of ids up to one, without those that were passed and have none yet. */
  numbered: string;
}

/**
 * @param cursor its table, of one row with the `position`
 * @param builds its table of what was there before and is not in the sums yet
 * @param sources whose rows it sums
 */
export function followerSql({
  cursor,
  builds,
  sources,
}: {
  cursor: string;
  builds: string;
  sources: readonly EventSource[];
}): FollowerSql {
  const within = literals(sources);
  const isBuilding = `exists (select from ${builds})`;
  const isKept = '(h.next_position = c.position + 1 or n.first_position is not distinct from c.position + 1)';
  return {
    place: `${cursor} c cross join event_head h
     left join lateral (
       select first_position from event_batches b where b.first_position > c.position order by b.first_position limit 1) n on true`,
    state: `${isBuilding} as "isBuilding", h.next_position > c.position + 1 as "isBehind", not ${isKept} as "isLost"`,
    isReady: `not ${isBuilding} and ${isKept}`,
    sources: within,
    unsummed: `wanted as materialized (
    select b.source, lower(r) as from_id, upper(r) as to_id
    from event_batches b cross join lateral unnest(b.ids) r
    where b.first_position > (select position from ${cursor}) and b.source in ${within}
    union all
    select g.source, lower(r), upper(r) from event_gaps g cross join lateral unnest(g.ids) r where g.source in ${within}
    union all
    select source, scanned_to + 1, 9223372036854775807 from event_sources where source in ${within}
  )`,
    numbered: `select s.source, s.scanned_to,
      coalesce((select range_agg(r) from event_gaps g cross join lateral unnest(g.ids) r where g.source = s.source), '{}')
    from event_sources s where s.source in ${within}`,
  };
}
