import { TABLES } from './queries';
import type { EventSource } from './types';

/** What SQL of rows of a source may be narrowed to. */
export interface Narrowed {
  /** SQL of a set like `wanted` of `FollowerSql`; absent: all rows. */
  ids?: string | undefined;
  /** SQL of the first time, and of that before which it ends; absent: all. */
  from?: string | undefined;
  to?: string | undefined;
}

/**
 * SQL of the rows `t` of a source. Those of `ids` are found by the index of their ids, each range by itself (`offset 0`): the planner takes a
 * range whose bounds it does not know for a large part of the table, and would read all of it.
 *
 * @param time SQL of the time of a row
 */
export function rowsOf(source: EventSource, { ids, from, to }: Narrowed, time = 't.at'): string {
  const table = TABLES[source];
  const within = [from && `${time} >= ${from}`, to && `${time} < ${to}`].filter(Boolean);
  if (ids === undefined) return `(select * from ${table} t where ${['true', ...within].join(' and ')}) t`;
  const conditions = ['t.id >= w.from_id', 't.id < w.to_id', ...within].join(' and ');
  return `(select * from ${ids} where source = '${source}') w cross join lateral (select * from ${table} t where ${conditions} offset 0) t`;
}
