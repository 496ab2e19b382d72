import { ActivityFailure, ApplicationFailure, isCancellation } from '@temporalio/workflow';

/** A step of a job is tried until it goes through: its job ends early where it is cancelled or its data is refused, not otherwise. */
export const JOB_RETRY = {
  initialInterval: '500 milliseconds',
  backoffCoefficient: 2,
  maximumInterval: '15 seconds',
} as const;

/** Why a step of a job failed for good, as its job tells it. */
interface Refusal {
  code: string;
  detail: string;
}

/**
 * Ends a job that an error has kept from its end. Cancelled in the engine it ends as if the job had been cancelled, with what `end` returns;
 * where the data is refused it ends with that, and the workflow fails as with every other error.
 *
 * @param end ends the job, with the refusal or else as cancelled; not cancellable
 */
export async function endAfter<Result>(
  error: unknown,
  end: (refusal?: Refusal) => Promise<Result>,
): Promise<Result> {
  if (isCancellation(error)) return end();
  const refusal = refusalIn(error);
  if (refusal) await end(refusal);
  throw error;
}

/** Not that a database was away, which is tried again: the data itself is refused. Undefined for every other error. */
function refusalIn(error: unknown): Refusal | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  if (!(cause instanceof ApplicationFailure)) return undefined;
  return { code: cause.type ?? 'INTERNAL', detail: cause.message };
}
