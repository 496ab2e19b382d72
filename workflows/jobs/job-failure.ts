import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';

/**
 * Why a step of a job failed for good, as its job tells it. Not that a database was away, which is tried again: the data
 * itself is refused. Undefined for every other error.
 */
export function refusalIn(error: unknown): { code: string; detail: string } | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  if (!(cause instanceof ApplicationFailure)) return undefined;
  return { code: cause.type ?? 'INTERNAL', detail: cause.message };
}
