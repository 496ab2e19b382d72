/** SQL of the status of a payment of which money was captured, by how much of it is back with the customer. */
export function capturedAs(refundedMinor: string, capturedMinor: string): string {
  return `case when ${refundedMinor} = 0 then 'captured' when ${refundedMinor} = ${capturedMinor} then 'refunded' else 'partially_refunded' end`;
}
