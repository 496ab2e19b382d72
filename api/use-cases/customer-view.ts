import type { SourcingDecision } from '../../domain/stock/sourcing/types';
import { contextOf } from '../http/request-context';
import type { Route } from '../http/route';

/** Members of orders and payments that are for those who work here: who did what by hand, where it is found, and what a gateway said to us. */
const OF_STAFF: ReadonlySet<string> = new Set([
  'actor',
  'settledBy',
  'settledReference',
  'foundAt',
  'foundReference',
  'lastError',
  'nextTryAt',
  'cancelReason',
]);

/** A route of orders as customers see its responses: without what is for those who work here. */
export function shownToCustomers(route: Route): Route {
  return {
    ...route,
    async handle(req, res) {
      const response = await route.handle(req, res);
      if (!response || response.status >= 400 || contextOf(res).principal.role !== 'customer')
        return response;
      return { ...response, body: withoutStaff(response.body) };
    },
  };
}

function withoutStaff(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutStaff);
  if (!isPlain(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => {
      if (OF_STAFF.has(name)) return [];
      if (name === 'attention') return [[name, []]];
      if (name === 'openCuts' && Array.isArray(member)) return [[name, member.map(withoutReason)]];
      return [[name, withoutStaff(member)]];
    }),
  );
}

function withoutReason(cut: unknown): unknown {
  return isPlain(cut) ? { ...cut, reason: null } : cut;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Why these warehouses, as a customer sees it: what was taken, and not what else there was. */
export function decisionForCustomer({ candidates, ...decision }: SourcingDecision) {
  return {
    ...decision,
    candidates: candidates
      .filter(({ taken }) => taken > 0)
      .map(({ warehouse, distanceKm, taken }) => ({ warehouse, distanceKm, taken })),
  };
}
