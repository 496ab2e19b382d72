import { derivedId, newId } from '../platform/ids';
import type { Answer } from './answer';
import { answerOnce } from './answer-once';
import type { ApiContext } from './context';
import type { RequestContext } from './request-context';

interface KeyedCall extends RequestContext {
  body: unknown;
  caller: string;
  idempotencyKey: string | null;
}

/**
 * Does `work` once for the call's idempotency key. What the work makes gets an id that follows from the key, or a new one
 * where the client gave none.
 *
 * @param what the action and what it acts on: the key is good for nothing else
 */
export function onceForKey(
  { db }: ApiContext,
  call: KeyedCall,
  what: string,
  work: (subjectId: string) => Promise<Answer>,
): Promise<Answer> {
  const { caller, idempotencyKey, requestId, log, body } = call;
  const subjectId = idempotencyKey === null ? newId() : derivedId(what, caller, idempotencyKey);
  const key = idempotencyKey === null ? null : { caller, key: idempotencyKey };
  return answerOnce({ db, key, scope: what, body, subjectId, requestId, log }, () => work(subjectId));
}
