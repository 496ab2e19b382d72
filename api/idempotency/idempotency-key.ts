import {
  acceptKey,
  fingerprintOf,
  isSameRequest,
  receivedFingerprintOf,
} from '../../platform/database/idempotency';
import type { Queryable } from '../../platform/database/database';
import { derivedId, newId } from '../../platform/ids';
import { problem } from '../http/problems';

/** The `Idempotency-Key` of a request, null where it has none, and the caller whose it is. */
export interface IdempotencyKey {
  keyCaller: string;
  idempotencyKey: string | null;
}

/** The id of what a request makes. It is derived from the key, so that a repeated request has the same one; without a key it is new. */
export function idForKey({ keyCaller, idempotencyKey }: IdempotencyKey, ...parts: readonly string[]): string {
  return idempotencyKey === null ? newId() : derivedId(...parts, keyCaller, idempotencyKey);
}

/**
 * Records what a request's key is for. For work that is done once by the id of what it makes, and so needs no stored response.
 *
 * @param use.scope the action and what it acts on: the key is good for nothing else
 * @param use.request the request as it was understood, by which keys of a version before are compared
 * @param use.received the request as it was received
 * @returns whether an earlier request recorded the key
 * @throws AppError `IDEMPOTENCY_KEY_REUSED` when the key belongs to another request
 */
export async function recordKey(
  { db }: { db: Queryable },
  { keyCaller, idempotencyKey }: IdempotencyKey,
  use: { scope: string; request: unknown; received: unknown; subjectId: string },
): Promise<boolean> {
  if (idempotencyKey === null) return false;
  const { scope, request, received, subjectId } = use;
  const wanted = {
    caller: keyCaller,
    key: idempotencyKey,
    scope,
    fingerprint: fingerprintOf(request),
    received: receivedFingerprintOf(received),
    subjectId,
  };
  const entry = await acceptKey(db, wanted);
  if (!isSameRequest(entry, wanted)) throw keyReused();
  return !entry.isNew;
}

export function keyReused(): Error {
  return problem(
    'IDEMPOTENCY_KEY_REUSED',
    'This key was used with another request. Use a new key for a new request.',
  );
}

/**
 * For requests whose repeat would do the same again.
 *
 * @throws AppError `IDEMPOTENCY_KEY_REQUIRED`
 */
export function requireKey({ idempotencyKey }: IdempotencyKey, why: string): void {
  if (idempotencyKey === null) throw problem('IDEMPOTENCY_KEY_REQUIRED', `Send an Idempotency-Key: ${why}`);
}
