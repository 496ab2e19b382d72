import { many, type Queryable } from '../../../platform/database/database';
import { literals } from '../../../platform/database/literals';
import { OPEN_ORDER_STATUSES } from '../../orders/types';

interface Limits {
  limit: number;
  graceSeconds: number;
}

/** Open orders that have rested for a while, the longest first. */
export async function selectRestingOrders(on: Queryable, limits: Limits): Promise<string[]> {
  const found = await many<{ id: string }>(
    on,
    'consistency.resting_orders',
    `select id from orders where status in ${literals(OPEN_ORDER_STATUSES)}
       and updated_at < statement_timestamp() - make_interval(secs => $2)
     order by updated_at, id limit $1`,
    [limits.limit, limits.graceSeconds],
  );
  return found.map((row) => row.id);
}

/** Orders that ended, the latest first, since a time or ever. */
export async function selectEndedOrders(
  on: Queryable,
  { limit, graceSeconds, since }: Limits & { since: Date | null },
): Promise<string[]> {
  const found = await many<{ id: string }>(
    on,
    'consistency.ended_orders',
    `select id from orders where status not in ${literals(OPEN_ORDER_STATUSES)}
       and updated_at < statement_timestamp() - make_interval(secs => $2)
       and ($3::timestamptz is null or updated_at >= $3)
     order by updated_at desc, id limit $1`,
    [limit, graceSeconds, since],
  );
  return found.map((row) => row.id);
}
