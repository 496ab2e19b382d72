import { many, type Queryable } from '../../platform/database/database';
import { listOf } from '../../platform/database/list-parameter';

export interface OwnerRow {
  id: string;
  /** The caller who placed it. */
  owner: string;
  customerId: string;
}

export function selectOwners(on: Queryable, orderIds: readonly string[]): Promise<OwnerRow[]> {
  return many<OwnerRow>(
    on,
    'orders.owners',
    `select id, owner, customer_id as "customerId" from orders where id = any (${listOf(1, 'uuid')})`,
    [orderIds],
  );
}
