import { acceptKey, fingerprintOf, isSameRequest } from '../../platform/database/idempotency';
import { derivedId, newId } from '../../platform/ids';
import type { Answer } from '../http/answer';
import { answerOnce, keyReused } from './stored-answer';
import type { ApiContext } from '../context';
import type { RequestContext } from '../http/request-context';

/** Who calls, and with which key, if any. */
export interface CallKey {
  caller: string;
  idempotencyKey: string | null;
}

interface KeyedCall extends RequestContext, CallKey {
  body: unknown;
}

/** The id of what a call makes. It follows from the key, so that a repeat means the same thing; without a key it is new. */
export function keyedId({ caller, idempotencyKey }: CallKey, ...parts: readonly string[]): string {
  return idempotencyKey === null ? newId() : derivedId(...parts, caller, idempotencyKey);
}

/**
 * Does `work` once for the call's idempotency key.
 *
 * @param what the action and what it acts on: the key is good for nothing else
 * @param subjectId of what the work makes: from `keyedId`
 */
export function onceForKey(
  { db }: ApiContext,
  call: KeyedCall,
  what: string,
  work: (subjectId: string) => Promise<Answer>,
  subjectId = keyedId(call, what),
): Promise<Answer> {
  const { caller, idempotencyKey, requestId, log, body } = call;
  const key = idempotencyKey === null ? null : { caller, key: idempotencyKey };
  return answerOnce({ db, key, scope: what, body, subjectId, requestId, log }, () => work(subjectId));
}

/**
 * Notes what the call's key is for, where the work is done once by the id of what it makes and so needs no stored answer.
 *
 * @returns whether an earlier request brought the key
 * @throws AppError `IDEMPOTENCY_KEY_REUSED`
 */
export async function noteKey(
  { db }: ApiContext,
  { caller, idempotencyKey }: CallKey,
  use: { what: string; request: unknown; subjectId: string },
): Promise<boolean> {
  if (idempotencyKey === null) return false;
  const { what: scope, request, subjectId } = use;
  const wanted = { caller, key: idempotencyKey, scope, fingerprint: fingerprintOf(request), subjectId };
  const entry = await acceptKey(db, wanted);
  if (!isSameRequest(entry, wanted)) throw keyReused();
  return !entry.isNew;
}
