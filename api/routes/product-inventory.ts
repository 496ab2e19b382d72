import { API_BASE } from '../http/paths';
import type { Route } from '../http/route';

const INVENTORY = `${API_BASE}/inventory/{sku}`;

/**
 * What `/inventory/{sku}` has, under `/products/{sku}/inventory`: for every SKU, also one that is a word with a meaning of its own
 * there, such as `metrics`. An `Idempotency-Key` is the same under both addresses.
 */
export function productInventoryRoutes(routes: readonly Route[]): Route[] {
  return routes
    .filter(({ path }) => path === INVENTORY || path.startsWith(`${INVENTORY}/`))
    .map((each) => ({
      ...each,
      path: `${API_BASE}/products/{sku}/inventory${each.path.slice(INVENTORY.length)}`,
    }));
}
