/** SQL of whether a reservation is what an open amendment adds, and that amendment is not settled: it is given up as a whole, or stays as a whole. */
export function beingAdded(reservation: string): string {
  return `exists (select from order_amendments ba
    where ba.order_id = ${reservation}.order_id and ba.reservation_id = ${reservation}.id and ba.stage = 'charging')`;
}
