import { z } from 'zod';
import { money } from '../platform/money';
import type { DemoEvent } from './demo-client';

const units = z.array(z.object({ sku: z.string(), quantity: z.number() }));
const placements = z.array(z.object({ warehouse: z.string(), quantity: z.number() }));

type Data = DemoEvent['data'];

/** An event's text and its details. Types that are not listed are shown by their name. */
const EVENT_TEXTS: Readonly<
  Record<string, { what: string; say?: (data: Data, currency: string) => string }>
> = {
  order_placed: { what: 'placed', say: (data) => listUnits(data.items) },
  stock_reserved: { what: 'held', say: (data) => listPlacements(data.allocations) },
  payment_started: { what: 'charging', say: (data, currency) => amountOf(data, currency) },
  payment_captured: { what: 'paid', say: (data, currency) => amountOf(data, currency) },
  payment_declined: { what: 'declined', say: (data) => textOf(data.declineCode) },
  payment_unknown: { what: 'payment unclear' },
  shipment_booked: {
    what: 'booked',
    say: (data) => `from ${textOf(data.warehouse)}, tracking ${textOf(data.trackingNumber)}`,
  },
  shipment_picked_up: { what: 'picked up', say: (data) => warehouseOf(data) },
  shipment_delivered: { what: 'delivered', say: (data) => warehouseOf(data) },
  shipment_left_after_stop: { what: 'left although stopped', say: (data) => warehouseOf(data) },
  shipment_voided: { what: 'shipment stopped', say: (data) => warehouseOf(data) },
  cancel_requested: { what: 'cancel asked', say: (data) => textOf(data.reason) },
  order_amended: { what: 'amended', say: (data) => listUnits(data.items) },
  amend_refused: { what: 'not amended', say: (data) => textOf(data.detail) },
  refund_succeeded: { what: 'refunded', say: (data, currency) => amountOf(data, currency) },
  hold_expired: { what: 'hold expired', say: () => 'nobody paid in time; the stock is free again' },
  hold_released: { what: 'hold released', say: () => 'the stock is free again' },
  stock_restocked: { what: 'stock back' },
  order_fulfilled: { what: 'FULFILLED' },
  order_expired: { what: 'EXPIRED' },
  order_cancelled: { what: 'CANCELLED' },
  order_failed: { what: 'FAILED', say: (data) => textOf(data.detail) },
  order_rejected: { what: 'REJECTED' },
};

/** Events that add nothing to the lines before and after them. */
const SKIPPED = new Set(['shipments_created', 'refund_started', 'amend_requested']);

/** An event as a line of the order's log; undefined for one that is left out. */
export function describeEvent(
  event: Pick<DemoEvent, 'type' | 'data'>,
  currency: string,
): { what: string; detail: string } | undefined {
  if (SKIPPED.has(event.type)) return undefined;
  const text = EVENT_TEXTS[event.type];
  if (!text) return { what: event.type.replaceAll('_', ' '), detail: '' };
  return { what: text.what, detail: text.say?.(event.data, currency) ?? '' };
}

function listUnits(value: unknown): string {
  const parsed = units.safeParse(value);
  return parsed.success ? parsed.data.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', ') : '';
}

function listPlacements(value: unknown): string {
  const parsed = placements.safeParse(value);
  return parsed.success
    ? parsed.data.map(({ warehouse, quantity }) => `${quantity} in ${warehouse}`).join(', ')
    : '';
}

function amountOf({ amountMinor }: Data, currency: string): string {
  return typeof amountMinor === 'number' ? money(amountMinor, currency) : '';
}

function warehouseOf({ warehouse }: Data): string {
  return typeof warehouse === 'string' ? `from ${warehouse}` : '';
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
