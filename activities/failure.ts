import { Context } from '@temporalio/activity';
import { ApplicationFailure, TemporalFailure } from '@temporalio/common';
import { stepFailure } from '../domain/ordering/step-failure';
import { STEP_FAILED } from '../domain/ordering/types';
import { constraintOf, isAppError, isLostConnection, isSubjectsOwn, sqlState } from '../platform/errors';

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
export function withFailures<Activities extends Group<Activities>>(
  activities: Activities,
  permanentCodes: ReadonlySet<string>,
): Activities {
  return failingAs(activities, (error) => asFailure(error, permanentCodes));
}

/** So often one is tried before a failure counts as one that stays, where it does not say so by itself. */
const ATTEMPTS = 5;

/**
 * Wraps steps of an order, so that one that fails each time ends as `STEP_FAILED` after some attempts, with what it failed for in
 * words: the saga waits then, and tries it again later. A lost connection is no failure of a step: it is tried again for ever.
 *
 * @param attempts of one that is tried again by its row: 1
 */
export function asSteps<Activities extends Group<Activities>>(
  steps: Activities,
  permanentCodes: ReadonlySet<string>,
  attempts = ATTEMPTS,
): Activities {
  return failingAs(steps, (error) => {
    const failure = asFailure(error, permanentCodes);
    if (isLostConnection(error) || error instanceof TemporalFailure) return failure;
    if (isAppError(error) && permanentCodes.has(error.code)) return failure;
    const stays = failure instanceof ApplicationFailure && failure.nonRetryable === true;
    if (!stays && Context.current().info.attempt < attempts) return failure;
    const { why, isOfOrder } = stepFailure(error);
    Context.current().log.error('a step of an order failed', { err: error });
    return ApplicationFailure.create({
      message: why,
      type: STEP_FAILED,
      nonRetryable: true,
      details: [{ why, isOfOrder }],
      ...(error instanceof Error ? { cause: error } : {}),
    });
  });
}

/**
 * Wraps the reserve of an order and its undo. They are tried for as long as anything but the order itself is wrong; one that fails by
 * its own data each time ends, after some attempts, for good.
 */
export function asReserving<Activities extends Group<Activities>>(activities: Activities): Activities {
  return failingAs(activities, (error) => {
    const failure = asFailure(error);
    if (!isSubjectsOwn(error) || Context.current().info.attempt < ATTEMPTS) return failure;
    if (failure instanceof ApplicationFailure && failure.nonRetryable === true) return failure;
    const { why } = stepFailure(error);
    return ApplicationFailure.nonRetryable(why, isAppError(error) ? error.code : 'RESERVE_FAILED');
  });
}

type Group<Activities> = Record<keyof Activities, (...args: never[]) => Promise<unknown>>;

function failingAs<Activities extends Group<Activities>>(
  activities: Activities,
  failureOf: (error: unknown) => unknown,
): Activities {
  const wrapped = Object.entries<(...args: never[]) => Promise<unknown>>(activities).map(
    ([name, activity]) => [
      name,
      async (...args: never[]) => {
        try {
          return await activity(...args);
        } catch (error) {
          throw failureOf(error);
        }
      },
    ],
  );
  // Same keys, same signatures: only what is thrown differs.
  return Object.fromEntries(wrapped) as Activities;
}
