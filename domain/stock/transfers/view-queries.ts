import type { Knex } from 'knex';
import { maybeOne, type Database, type Queryable } from '../../../platform/database/database';
import { newestFirst, utc, utcMicros, type PageRequest } from '../../../platform/database/pages';
import type { TransferStatus, TransferView } from './types';

const VIEW = `t.id, p.sku, f.code as "from", g.code as "to", t.mode, t.status, t.quantity, t.received, t.lost, t.returned, t.open,
  t.reason, t.reference, ${utc('t.expected_at')} as "expectedAt", ${utc('t.overdue_at')} as "overdueAt",
  ${utcMicros('t.created_at')} as "createdAt", ${utc('t.updated_at')} as "updatedAt"`;

export function selectTransfer(on: Queryable, transferId: string): Promise<TransferView | undefined> {
  return maybeOne<TransferView>(
    on,
    'transfers.view',
    `select ${VIEW} from transfers t join products p on p.id = t.product_id
     join warehouses f on f.id = t.source_id join warehouses g on g.id = t.target_id where t.id = $1`,
    [transferId],
  );
}

export interface TransferFilter extends PageRequest {
  status?: TransferStatus | undefined;
  sku?: string | undefined;
  /** Code of the warehouse that it leaves or goes to. */
  location?: string | undefined;
}

/** Newest first; one more than asked for, to tell whether there are more. */
export function selectTransferPage(
  db: Database,
  filter: TransferFilter,
): Promise<(TransferView & { createdAtMicros: string })[]> {
  const query = db
    .builder('transfers as t')
    .join('products as p', 'p.id', 't.product_id')
    .join('warehouses as f', 'f.id', 't.source_id')
    .join('warehouses as g', 'g.id', 't.target_id')
    .select(db.builder.raw(VIEW))
    .select(db.builder.raw(`${utcMicros('t.created_at')} as "createdAtMicros"`));
  if (filter.location === undefined) return db.list(newestFirst(filtered(query, filter), COLUMNS, filter));
  // Each side by its own index, in the order of the list: with `or` between them PostgreSQL reads all of both.
  const { location, offset, limit, ...others } = filter;
  const sides = (['source_id', 'target_id'] as const).map((side) =>
    newestFirst(
      filtered(db.builder('transfers as t').select('t.id'), others).whereRaw(
        't.?? = (select id from warehouses where code = ?)',
        [side, location],
      ),
      COLUMNS,
      { after: filter.after, offset: 0, limit: offset + limit },
    ),
  );
  const ids = db.builder.select('id').from(db.builder.unionAll(sides, true).as('sides'));
  return db.list(newestFirst(query.whereIn('t.id', ids), COLUMNS, { offset, limit }));
}

const COLUMNS = { time: 't.created_at', id: 't.id' };

function filtered(
  query: Knex.QueryBuilder,
  { status, sku }: Pick<TransferFilter, 'status' | 'sku'>,
): Knex.QueryBuilder {
  if (status !== undefined) void query.where('t.status', status);
  if (sku !== undefined) void query.whereRaw('t.product_id = (select id from products where sku = ?)', [sku]);
  return query;
}
