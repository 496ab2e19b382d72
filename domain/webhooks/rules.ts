/** Whether an answer says that the message was taken: only 2xx does. */
export function isTaken(status: number | null): boolean {
  return status !== null && status >= 200 && status < 300;
}

/** Deliveries of one webhook that wait, beyond which no more are planned: the rest stays in the stream. */
export const MOST_PENDING = 1_000;

/** Bytes of a message at most. */
export const BODY_BYTES = 20_000;
