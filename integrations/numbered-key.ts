/** The idempotency key of a capture or refund, by its id and the number of its key. */
export function keyOf(id: string, keyNumber: number): string {
  return keyNumber === 1 ? id : `${id}:${keyNumber}`;
}
