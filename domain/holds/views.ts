import type { Database, Queryable } from '../../platform/database';
import { pageIn, type Page } from '../../platform/pages';
import type { HoldView } from './types';
import { selectHoldPage, selectHoldViews, type HoldFilter, type HoldRow } from './view-queries';

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
export async function listHolds(db: Database, filter: HoldFilter): Promise<Page<HoldView>> {
  return pageIn(await selectHoldPage(db, filter), filter.limit, asView);
}

function asView({ createdAtMicros: _sortedBy, ...row }: HoldRow): HoldView {
  return { ...row, status: row.status === 'charging' ? 'pending' : row.status };
}
