import { literals } from '../../platform/database/literals';
import { STOPPABLE_SHIPMENT_STATUSES } from './types';

/**
 * SQL of whether a shipment carries again what has left: it is what remained of one that was stopped to cut a part of it, and the
 * carrier picked that one up all the same. One that the carrier has refused to stop is left out.
 */
export function doubled(shipment: string): string {
  return `(${shipment}.generation > 1 and ${shipment}.status in ${literals(STOPPABLE_SHIPMENT_STATUSES)}
    and ${shipment}.stop_refused_at is null
    and exists (select from shipments before where before.reservation_id = ${shipment}.reservation_id
                and before.warehouse_id = ${shipment}.warehouse_id and before.generation < ${shipment}.generation
                and before.left_after_stop_at is not null))`;
}
