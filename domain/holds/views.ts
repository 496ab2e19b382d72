import type { Database, Queryable } from '../../platform/database';
import type { HoldView } from './types';
import {
  selectHoldPage,
  selectHoldViews,
  type HoldFilter,
  type HoldPosition,
  type HoldRow,
} from './view-queries';

export type { HoldFilter, HoldPosition };

/** Those of these holds that exist, by id, in one statement. */
export async function readHolds(on: Queryable, ids: readonly string[]): Promise<Map<string, HoldView>> {
  const found = await selectHoldViews(on, ids);
  return new Map(found.map((row) => [row.id, asView(row)]));
}

/** Null: no such hold. */
export async function readHold(on: Queryable, id: string): Promise<HoldView | null> {
  return (await readHolds(on, [id])).get(id) ?? null;
}

/** A page of holds without an order, newest first. `next` is where the next page begins, or null at the end. */
export async function listHolds(
  db: Database,
  filter: HoldFilter,
): Promise<{ items: HoldView[]; next: HoldPosition | null }> {
  const found = await selectHoldPage(db, filter);
  const page = found.slice(0, filter.limit);
  const last = page.at(-1);
  return {
    items: page.map(asView),
    next: found.length > filter.limit && last ? { createdAtMicros: last.createdAtMicros, id: last.id } : null,
  };
}

function asView({ createdAtMicros: _sortedBy, ...row }: HoldRow): HoldView {
  return { ...row, status: row.status === 'charging' ? 'pending' : row.status };
}
