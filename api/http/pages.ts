import { encodeCursor } from './cursor';
import { ok, type ApiResponse } from './response';

/**
 * 200 with a page of a list. `next` is the position that the next page begins after, null at the end of the list.
 *
 * @param beside what the response says of the whole list
 */
export function okPage(
  { items, next }: { items: unknown[]; next: unknown },
  beside: object = {},
): ApiResponse {
  return ok({ items, nextCursor: next === null ? null : encodeCursor(next), ...beside });
}

/**
 * A page of rows of which one more than `limit` was read.
 *
 * @param position of a row in the list: what the next page begins after
 */
export function pageIn<Row, Position>(
  rows: readonly Row[],
  limit: number,
  position: (row: Row) => Position,
): { items: Row[]; next: Position | null } {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? position(last) : null };
}
