import { execute, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { EVERYTHING } from './share';
import type { Share } from './types';

export async function selectShare(on: Queryable): Promise<Share> {
  const row = await maybeOne<Share>(
    on,
    'consistency.share',
    `select products_after as "productsAfter", products_up_to as "productsUpTo", lines_after as "linesAfter", lines_up_to as "linesUpTo"
     from consistency_share`,
  );
  return row ?? EVERYTHING;
}

/** Rows of a table that a run looks at anyhow, and in how many runs it comes to every row. */
const LEAST_ROWS = 200_000;
const RUNS = 24;

const rowsOf = (table: string) =>
  `(select greatest($1::float8, ceil(reltuples / ${RUNS}))::bigint from pg_class where oid = '${table}'::regclass)`;

/** Where a share ends that begins after the keys of `n`, by the present size of its table. */
const UP_TO = `
  products_up_to = (select k.product_id from stock k where k.product_id > n.products_after
                    order by k.product_id, k.warehouse_id offset ${rowsOf('stock')} limit 1),
  lines_up_to = (select l.reservation_id from reservation_lines l where l.reservation_id > n.lines_after
                 order by l.reservation_id, l.product_id, l.warehouse_id offset ${rowsOf('reservation_lines')} limit 1)`;

/** Ends the present share where it ends by the size that its tables have now: what was a whole table may have grown large. */
export function boundShare(on: Queryable, leastRows = LEAST_ROWS): Promise<number> {
  return execute(
    on,
    'consistency.bound_share',
    `update consistency_share s set ${UP_TO}
     from (select products_after, lines_after from consistency_share) n`,
    [leastRows],
  );
}

/**
 * Moves on to the next share of every table; after the last comes the first.
 *
 * @param jobId the job that has looked at the share: where another one has moved on since this one began, nothing is done; null: always
 */
export function moveShare(tx: Transaction, jobId: string | null, leastRows = LEAST_ROWS): Promise<number> {
  return execute(
    tx,
    'consistency.move_share',
    `update consistency_share s set moved_at = clock_timestamp(),
       products_after = n.products_after, lines_after = n.lines_after, ${UP_TO}
     from (select coalesce(products_up_to, $2::int) as products_after, coalesce(lines_up_to, $3::uuid) as lines_after from consistency_share) n
     where $4::uuid is null or s.moved_at is null or s.moved_at < (select j.started_at from jobs j where j.id = $4::uuid)`,
    [leastRows, EVERYTHING.productsAfter, EVERYTHING.linesAfter, jobId],
  );
}
