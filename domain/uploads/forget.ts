import type { Database, Queryable } from '../../platform/database/database';

/** Rows that one statement deletes. */
const AT_ONCE = 100_000;

/** Deletes up to `limit` rows of an upload; returns how many there were. */
type DeleteSome = (on: Queryable, feedId: number, limit: number) => Promise<number>;

/** Forgets rows of an upload to the last one, table by table; no statement deletes all of them. */
export async function forgetRows(
  db: Database,
  feedId: number,
  deletions: readonly DeleteSome[],
): Promise<void> {
  for (const deleteSome of deletions) while ((await deleteSome(db, feedId, AT_ONCE)) > 0);
}
