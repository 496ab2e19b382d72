import type { Queryable } from '../../platform/database/database';
import type { SourcingDecision } from '../stock/sourcing/types';
import { hasEnded } from './rules';
import type { OrderEvent, OrderInput, OrderStatus } from './types';
import {
  selectEventsOfOrders,
  selectInput,
  selectOrderEvents,
  selectOrderStatus,
  selectSourcing,
  type StatusRow,
} from './view-queries';

/** Null: no such order. */
export async function readOrderStatus(on: Queryable, orderId: string): Promise<StatusRow | null> {
  return (await selectOrderStatus(on, orderId)) ?? null;
}

/** Events of an order, and whether it has ended, as of the same moment. */
export interface EventsOfOrder {
  items: OrderEvent[];
  ended: boolean;
}

/** Events after a number, and how far the numbers go. */
export interface NumberedEvents extends EventsOfOrder {
  /** The number of the order's last event; 0: it has none. */
  newest: number;
}

/** Events of several orders, each those numbered above its `after`, at most `limit`; by the key of what was asked. Orders that there are not are left out. */
export async function readEventsOfOrders(
  on: Queryable,
  wanted: readonly { key: string; orderId: string; after: number }[],
  limit: number,
): Promise<ReadonlyMap<string, NumberedEvents>> {
  const found = new Map<string, NumberedEvents>();
  for (const { n, items, status, newest } of await selectEventsOfOrders(on, wanted, limit)) {
    const asked = wanted[n - 1];
    if (asked) found.set(asked.key, { items, ended: hasEnded(status), newest });
  }
  return found;
}

/** Events numbered above `after`, and whether the order has ended, as of the same moment. Null: no such order. */
export async function readOrderEvents(
  on: Queryable,
  orderId: string,
  page: { after: number; limit: number; offset?: number },
): Promise<EventsOfOrder | null> {
  const row = await selectOrderEvents(on, orderId, { offset: 0, ...page });
  return row ? { items: row.items, ended: hasEnded(row.status) } : null;
}

/** Why these warehouses: the decisions as they were made. Null: no such order. */
export async function readSourcing(on: Queryable, orderId: string): Promise<SourcingDecision[] | null> {
  return (await selectSourcing(on, orderId))?.sourcing ?? null;
}

/** What the order's saga was started with, to start it again. Null: no such order. */
export async function readOrderInput(
  on: Queryable,
  orderId: string,
): Promise<{ status: OrderStatus; input: OrderInput } | null> {
  return (await selectInput(on, orderId)) ?? null;
}
