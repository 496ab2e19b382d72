import { ownersOf } from '../identity/rules';
import type { Principal } from '../identity/types';
import type { Visibility } from './types';

/** What of the stream somebody may see: who works here everything; a service what its scopes let it read elsewhere. */
export function visibilityOf(principal: Principal): Visibility {
  const { role, scopes } = principal;
  const all = role === 'operator' || role === 'admin';
  const has = (...any: readonly string[]) => scopes.some((scope) => any.includes(scope));
  return {
    all,
    owners: ownersOf(principal),
    allOrders: has('orders:all'),
    ownOrders: has('orders'),
    stock: has('inventory:read'),
    catalogue: has('inventory:read', 'catalogue:write'),
  };
}

/** Of who was let in by an admin, or tells people of what is theirs. */
export const EVERYTHING: Visibility = {
  all: true,
  owners: [],
  allOrders: true,
  ownOrders: true,
  stock: true,
  catalogue: true,
};
