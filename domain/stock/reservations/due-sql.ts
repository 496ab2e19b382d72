import { notPutOff } from '../alerts/put-off-sql';

/**
 * A condition of SQL: the reservation `r` is past due and can be freed now. What a look at the stock counts as available, what a
 * shortage is put off for and what is freed on a shortage is this one set: if they differed, an order would be refused for units that are only late, or
 * accepted by the look and refused each time.
 *
 * The clock stands in a subquery, since an index is not searched by a function that may change from row to row.
 */
export const canBeFreed = (r: string) =>
  `${r}.status = 'pending' and ${r}.expires_at <= (select clock_timestamp()) and ${notPutOff('expire_reservation', `${r}.id`)}`;
