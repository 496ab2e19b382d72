import { many, type Queryable } from '../../../platform/database/database';
import { listOf } from '../../../platform/database/list-parameter';

export interface OwnerRow {
  id: string;
  /** The caller who made it. */
  owner: string;
  /** Of the order that it is part of; null: it was made without one. */
  orderId: string | null;
}

/** Of reservations that clients may see: without an order, and of orders. */
export function selectOwners(on: Queryable, ids: readonly string[]): Promise<OwnerRow[]> {
  return many<OwnerRow>(
    on,
    'reservations.owners',
    `select id, owner, order_id as "orderId" from reservations
     where id = any (${listOf(1, 'uuid')}) and kind in ('hold', 'order')`,
    [ids],
  );
}
