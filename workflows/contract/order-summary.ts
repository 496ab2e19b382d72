import type { OrderInput } from '../../domain/orders/types';
import { shortSummary } from './short-summary';

const LISTED_LINES = 20;

/** One line that tells an operator what the order is. */
export function orderSummary(order: OrderInput): string {
  const [first, ...others] = order.items;
  const more = others.length > 0 ? ` and ${others.length} more` : '';
  const goods = first ? `${first.quantity} × ${first.sku}${more}` : 'nothing';
  return shortSummary(`${goods} for ${order.customerId}`);
}

/** What was asked for, as Temporal's Markdown. */
export function orderDetails(order: OrderInput): string {
  const lines = order.items.slice(0, LISTED_LINES).map((item) => `- ${item.quantity} × \`${item.sku}\``);
  if (order.items.length > LISTED_LINES) lines.push(`- and ${order.items.length - LISTED_LINES} more`);
  return [
    `**Order** \`${order.orderId}\` of customer \`${order.customerId}\``,
    '',
    ...lines,
    '',
    `Fulfilment: **${order.fulfilment}**, ${destination(order)}. ${payment(order)}`,
  ].join('\n');
}

function destination({ shipTo }: OrderInput): string {
  if (shipTo === null) return 'no destination given';
  return 'region' in shipTo ? `to region ${shipTo.region}` : `to ${shipTo.latitude}, ${shipTo.longitude}`;
}

function payment(order: OrderInput): string {
  return order.payment
    ? `Paid with the order (${order.payment.method}).`
    : `Held for ${order.holdSeconds} s until it is paid.`;
}
