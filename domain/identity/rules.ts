import type { Principal } from './types';

/** What somebody sees of things that belong to somebody. */
export interface Viewer {
  /** Callers whose things they see; null: everybody's. */
  owners: readonly string[] | null;
  /** Of whose orders they are the customer; null: they are none. */
  customerId: string | null;
}

export const SEES_EVERYTHING: Viewer = { owners: null, customerId: null };

/** Operators, admins and services with `orders:all` see everything, a customer their own orders, a service what it made. */
export function viewerOf(principal: Principal): Viewer {
  const { role, scopes, id } = principal;
  if (role === 'operator' || role === 'admin') return SEES_EVERYTHING;
  if (role === 'service' && scopes.includes('orders:all')) return SEES_EVERYTHING;
  if (role === 'customer') return { owners: [], customerId: id };
  return { owners: ownersOf(principal), customerId: null };
}

/** The caller, and `anonymous` where a service has adopted what was made without sign-in. */
export function ownersOf({ caller, adoptsAnonymous }: Principal): readonly string[] {
  return adoptsAnonymous ? [caller, 'anonymous'] : [caller];
}

/** Whether they see a thing. `customerId`: of an order, its customer. */
export function sees(
  { owners, customerId }: Viewer,
  thing: { owner: string; customerId: string | null },
): boolean {
  if (owners === null || owners.includes(thing.owner)) return true;
  return customerId !== null && thing.customerId === customerId;
}
