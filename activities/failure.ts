import { ApplicationFailure } from '@temporalio/common';
import { constraintOf, isAppError, sqlState } from '../platform/errors';

/**
 * An error as Temporal should see it: its stable code as `type`, and whether trying again can help. It can for everything
 * that may pass (a database or gateway that is away, a lock, a deployment that is behind), so only what is wrong with the
 * data itself, and the codes named by the caller, end the retries.
 */
export function asFailure(error: unknown, permanentCodes: ReadonlySet<string> = new Set()): unknown {
  if (isAppError(error)) {
    return ApplicationFailure.create({
      message: error.message,
      type: error.code,
      nonRetryable: permanentCodes.has(error.code),
      details: [error.details],
      cause: error,
    });
  }
  const state = sqlState(error);
  // Class 22: a value that PostgreSQL cannot take; 23514: one that a check constraint refuses. The same again fails again.
  // 23514 without a constraint's name is a row for which no partition exists yet: that passes.
  const refused = state === '23514' && constraintOf(error) !== undefined;
  if (error instanceof Error && state !== undefined && (state.startsWith('22') || refused)) {
    return ApplicationFailure.create({
      message: error.message,
      type: 'INVALID_DATA',
      nonRetryable: true,
      cause: error,
    });
  }
  return error;
}

/** Wraps every activity of a group, so that each failure leaves it as `asFailure` says. */
export function withFailures<
  Activities extends Record<keyof Activities, (...args: never[]) => Promise<unknown>>,
>(activities: Activities, permanentCodes: ReadonlySet<string>): Activities {
  const wrapped = Object.entries<(...args: never[]) => Promise<unknown>>(activities).map(
    ([name, activity]) => [
      name,
      async (...args: never[]) => {
        try {
          return await activity(...args);
        } catch (error) {
          throw asFailure(error, permanentCodes);
        }
      },
    ],
  );
  // Same keys, same signatures: only what is thrown differs.
  return Object.fromEntries(wrapped) as Activities;
}
