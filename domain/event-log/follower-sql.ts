import { literals } from '../../platform/database/literals';
import type { EventSource } from './types';

/** SQL about what follows the stream and keeps sums of it, up to the position that its cursor has. */
export interface FollowerSql {
  /** How far the sums are: the cursor `c`, the head `h` of the stream, and the first batch `n` after the cursor that is kept. */
  place: string;
  /** Whether all positions after the cursor of `place` are kept, so that what the sums lack can be read. */
  isKept: string;
  /** The sources, in parentheses. */
  sources: string;
  /**
   * What is not in the sums, as the set `wanted (source, from_id, to_id)` of ids from one on up to before another: what was numbered after
   * them, and what has no position yet. In one snapshot with the sums it is exactly what they lack.
   */
  unsummed: string;
}

/**
 * @param cursor its table, of one row with the `position`
 * @param sources whose rows it sums
 */
export function followerSql(cursor: string, sources: readonly EventSource[]): FollowerSql {
  const within = literals(sources);
  return {
    place: `${cursor} c cross join event_head h
     left join lateral (
       select first_position from event_batches b where b.first_position > c.position order by b.first_position limit 1) n on true`,
    isKept: '(h.next_position = c.position + 1 or n.first_position is not distinct from c.position + 1)',
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
  };
}
