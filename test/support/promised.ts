/*
 * Times that the documents promise, on a machine that is not overloaded. A test file that imports these runs in a phase of
 * its own, not beside the load and fault suites (docs/testing.md).
 */

/** From the time at which a reservation falls due to the one at which its stock is free. */
export const EXPIRED_WITHIN_MS = 2_000;

/** From a request to cancel until the carrier has stopped its parcel, or the stock of its unpaid reservation is free. */
export const CANCELLED_WITHIN_MS = 3_000;

/** Until a request that needs Temporal is answered with 503 while Temporal is away. */
export const REFUSED_WITHIN_MS = 5_000;

/** From an event's commit until a stream that is open has it. */
export const STREAMED_WITHIN_MS = 2_000;

/** Until an API that shuts down has ended, beyond its grace. */
export const STOPPED_WITHIN_MS = 3_000;
