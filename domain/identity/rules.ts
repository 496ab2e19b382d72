import type { Principal } from './types';

/** What somebody sees of things that belong to somebody. */
export interface Viewer {
  /** Callers whose things they see; null: everybody's. */
  owners: readonly string[] | null;
  /** Of whose orders they are the customer; null: they are none. */
  customerId: string | null;
}

export const SEES_EVERYTHING: Viewer = { owners: null, customerId: null };

/** Anybody can be one of them: nobody, publishable keys, and customers, who register themselves. */
export function isPublic({ role }: Principal): boolean {
  return role === null || role === 'customer';
}

/** Operators and admins see everything, a customer their own orders, a service what it made: its jobs, and holds without an order. */
export function viewerOf(principal: Principal): Viewer {
  const { role, id } = principal;
  if (role === 'operator' || role === 'admin') return SEES_EVERYTHING;
  if (role === 'customer') return { owners: [], customerId: id };
  return { owners: ownersOf(principal), customerId: null };
}

/** Of orders and what belongs to them: a service with `orders:all` sees everybody's. */
export function orderViewerOf(principal: Principal): Viewer {
  const { role, scopes } = principal;
  return role === 'service' && scopes.includes('orders:all') ? SEES_EVERYTHING : viewerOf(principal);
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
