import {
  condition,
  defineSignal,
  defineUpdate,
  executeChild,
  proxyActivities,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { ORDER_STATUS } from '../../workflows/contract/messages';
import type { TextbookActivities } from './activities';

export const placed = defineUpdate<boolean>('placed');
export const pickedUp = defineSignal('pickedUp');

const steps = proxyActivities<TextbookActivities>({ startToCloseTimeout: '1 minute' });

/** The minimum for Temporal: a workflow that ends at once. */
export function empty(): Promise<void> {
  return Promise.resolve();
}

/**
 * An order as tutorials write it: the caller starts it with an update that returns when the stock is reserved, every step is a
 * regular activity of its own, each warehouse a child workflow, and a reservation that is not paid expires by a timer.
 */
export async function textbookOrder(input: { orderId: string; productNumber: number }): Promise<void> {
  const { orderId } = input;
  let reserved = false;
  setHandler(placed, async () => {
    await condition(() => reserved);
    return true;
  });
  upsertSearchAttributes([{ key: ORDER_STATUS, value: 'reserving' }]);
  await steps.reserve(input);
  reserved = true;
  upsertSearchAttributes([{ key: ORDER_STATUS, value: 'reserved' }]);
  await steps.charge(orderId);
  await steps.confirm(orderId);
  upsertSearchAttributes([{ key: ORDER_STATUS, value: 'paid' }]);
  await executeChild(textbookShipment, { workflowId: `${workflowInfo().workflowId}:AMS`, args: [orderId] });
  await steps.complete(orderId);
  upsertSearchAttributes([{ key: ORDER_STATUS, value: 'fulfilled' }]);
}

export async function textbookShipment(orderId: string): Promise<void> {
  let gone = false;
  setHandler(pickedUp, () => {
    gone = true;
  });
  await steps.book({ orderId, workflowId: workflowInfo().workflowId });
  await condition(() => gone);
  await steps.ship(orderId);
}
