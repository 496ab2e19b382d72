import { upsertSearchAttributes } from '@temporalio/workflow';
import type { OrderProgress } from '../../domain/ordering/types';
import type { OrderStatus } from '../../domain/orders/types';
import { ATTENTION, ORDER_STATUS } from '../contract/messages';

/** By what an order is found in Temporal. */
export class SearchAttributes {
  private status: OrderStatus | undefined;
  private attention = '';

  /** Costs an event for each that has changed. */
  show({ status, attention }: OrderProgress): void {
    const needs = attention.join();
    if (needs !== this.attention)
      upsertSearchAttributes([{ key: ATTENTION, value: attention.length > 0 ? attention : null }]);
    if (status !== this.status) upsertSearchAttributes([{ key: ORDER_STATUS, value: status }]);
    this.status = status;
    this.attention = needs;
  }
}
