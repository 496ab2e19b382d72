import { literals } from '../../../platform/database/literals';
import { STOPPED_SHIPMENT_STATUSES } from '../../fulfilment/types';
import { beingAdded } from '../being-added-sql';

/**
 * SQL of whether it is not known yet what there is to cut of a product of an order: a shipment that has it is being stopped or is not
 * released, a part that has it is being charged, or an amendment adds units of it and is not settled.
 */
export function undecided(orderId: string, productId: string): string {
  return `(exists (
      select from shipments us join shipment_items ui on ui.shipment_id = us.id
      where us.order_id = ${orderId} and ui.product_id = ${productId}
        and (us.status = 'voiding' or us.status in ${literals(STOPPED_SHIPMENT_STATUSES)} and us.released_at is null))
    or exists (
      select from reservations ur join reservation_lines ul on ul.reservation_id = ur.id
      where ur.order_id = ${orderId} and (ur.status = 'charging' or ${beingAdded('ur')}) and ul.product_id = ${productId} and ul.open_quantity > 0))`;
}
