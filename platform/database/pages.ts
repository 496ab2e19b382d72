import type { Knex } from 'knex';

/** Where a page of documents begins: right after the one that was made then and has this id. */
export interface PagePosition {
  /** RFC 3339, with the microseconds that the list is sorted by. */
  createdAtMicros: string;
  id: string;
}

export interface PageRequest {
  after?: PagePosition | undefined;
  limit: number;
  offset: number;
}

export interface Page<Item> {
  items: Item[];
  /** Where the next page begins, or null at the end. */
  next: PagePosition | null;
}

/**
 * Behind a text by which a list is sorted and its cursor compared: by the bytes of its UTF-8, in every database. Another collation may
 * change with the operating system's, and then a cursor leaves rows out or shows them twice.
 */
export const BYTEWISE = 'collate "C"';

/** SQL of a time as RFC 3339 in UTC, with milliseconds. */
export function utc(time: string): string {
  return `to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

/** SQL of the time that a page begins after. */
export function utcMicros(time: string): string {
  return `to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}

/**
 * Limits a query of documents to one page, newest first, and one row more, to tell whether there are more. Rows that are skipped are
 * counted by their ids alone: what a document looks up would be looked up for each of them.
 */
export function newestFirst(
  query: Knex.QueryBuilder,
  columns: { time: string; id: string },
  page: PageRequest,
): Knex.QueryBuilder {
  const newest = [
    { column: columns.time, order: 'desc' },
    { column: columns.id, order: 'desc' },
  ];
  if (page.after) {
    void query.whereRaw('(??, ??) < (?::timestamptz, ?::uuid)', [
      columns.time,
      columns.id,
      page.after.createdAtMicros,
      page.after.id,
    ]);
  }
  void query.orderBy(newest);
  if (page.offset === 0) return query.limit(page.limit + 1);
  const ids = query
    .clone()
    .clearSelect()
    .select(columns.id)
    .limit(page.limit + 1)
    .offset(page.offset);
  return query.clearWhere().whereIn(columns.id, ids);
}

/** A row without the time by which its list is sorted. */
export function withoutMicros<Row extends { createdAtMicros: string }>({
  createdAtMicros: _,
  ...view
}: Row): Omit<Row, 'createdAtMicros'> {
  return view;
}

/** The page in rows of which there may be one more than `limit`; `next`: the position of its last row, or null at the end. */
export function cutPage<Row, Position>(
  found: readonly Row[],
  limit: number,
  positionOf: (last: Row) => Position,
): { shown: Row[]; next: Position | null } {
  const shown = found.slice(0, limit);
  const last = shown.at(-1);
  return { shown, next: found.length > limit && last !== undefined ? positionOf(last) : null };
}

/** The page in the rows of a `newestFirst` query. */
export function pageIn<Row extends { id: string; createdAtMicros: string }, Item>(
  found: readonly Row[],
  limit: number,
  show: (row: Row) => Item,
): Page<Item> {
  const { shown, next } = cutPage(found, limit, ({ createdAtMicros, id }) => ({ createdAtMicros, id }));
  return { items: shown.map(show), next };
}

/**
 * All rows, page by page as they are taken; no page is empty.
 *
 * @param read the rows after one, or from the first on, at most `size`
 */
export async function* pagesOf<Row>(
  size: number,
  read: (after: Row | undefined) => Promise<Row[]>,
): AsyncGenerator<Row[]> {
  let after: Row | undefined;
  for (;;) {
    const page = await read(after);
    if (page.length > 0) yield page;
    if (page.length < size) return;
    after = page.at(-1);
  }
}
