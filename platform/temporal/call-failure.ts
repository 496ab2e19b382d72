import { isGrpcServiceError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import { EngineTimeoutError } from './bounded-call';

/**
 * What a failed call to Temporal says. `refused`: the server itself said no; nothing was done, and the same call fails again.
 * `away`: the server could not be reached, was busy, or did not return in time. `unknown`: anything else. After `away` and
 * `unknown` the call may have arrived: the client retries by itself, and one of its tries may have broken off afterwards.
 */
export type CallFailure = 'refused' | 'away' | 'unknown';

/**
 * gRPC codes: INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION, UNIMPLEMENTED, UNAUTHENTICATED.
 */
const REFUSED: ReadonlySet<number> = new Set([3, 5, 7, 9, 12, 16]);
/** gRPC codes: CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE. */
const AWAY: ReadonlySet<number> = new Set([1, 4, 8, 14]);
const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;

/** Tells failed calls apart by the first error in the chain of causes that comes from the connection. */
export function callFailure(error: unknown): CallFailure {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof EngineTimeoutError) return 'away';
    if (at instanceof NamespaceNotFoundError) return 'refused';
    if (isGrpcServiceError(at)) {
      if (REFUSED.has(at.code)) return 'refused';
      return AWAY.has(at.code) ? 'away' : 'unknown';
    }
  }
  return 'unknown';
}

/** True when the server says that what is asked about is not in a state for it. */
export function isFailedPrecondition(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code: number | undefined = isGrpcServiceError(at) ? at.code : undefined;
    if (code !== undefined) return code === FAILED_PRECONDITION;
  }
  return false;
}

/** True when the server says that there is no such thing. */
export function isNotFound(error: unknown): boolean {
  // As a number: the type of the code is an enumeration of another package.
  const code: number | undefined = isGrpcServiceError(error) ? error.code : undefined;
  return code === NOT_FOUND;
}
