import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import type { OrderProgress } from '../../domain/ordering/types';
import type { CancelResult } from '../contract/messages';

/** A request that waits for the saga's main loop, which does one step at a time. */
export interface Waiting<Request, Result> {
  request: Request;
  result: Result | undefined;
}

export function refusal(code: string, message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, code);
}

export function failureType(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure ? (cause.type ?? 'RESERVE_FAILED') : 'RESERVE_FAILED';
}

export function notPayable({ status }: OrderProgress): 'HOLD_EXPIRED' | 'ORDER_NOT_PAYABLE' {
  return status === 'expired' ? 'HOLD_EXPIRED' : 'ORDER_NOT_PAYABLE';
}

export function payOutcome(status: string): 'captured' | 'declined' | 'unknown' {
  if (status === 'declined' || status === 'unknown') return status;
  return 'captured';
}

export function cancelResult(progress: OrderProgress): CancelResult {
  return progress.status === 'cancelled'
    ? { outcome: 'cancelled' }
    : { outcome: 'refused', code: 'NOT_CANCELLABLE' };
}

export function resultOf<Result>(waiting: Waiting<unknown, Result>): Result {
  if (waiting.result === undefined)
    throw ApplicationFailure.nonRetryable('a request without a result', 'SAGA_DEFECT');
  return waiting.result;
}
