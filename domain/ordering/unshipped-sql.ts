/** SQL of whether a reservation is paid for and none of it is in a shipment yet: its order is being reviewed, or was and is being cancelled. */
export function unshipped(reservation: string): string {
  return `(${reservation}.status = 'confirmed'
    and not exists (select from shipments us where us.reservation_id = ${reservation}.id))`;
}
