import type { Database } from '../../platform/database/database';
import {
  claimKey,
  finishKey,
  fingerprintOf,
  isSameRequest,
  releaseKey,
  type KeyId,
  type StoredAnswer,
} from '../../platform/database/idempotency';
import type { Logger } from '../../platform/telemetry/log';
import { problemAnswer, type Answer } from '../http/answer';
import { problem, type ProblemCode } from '../http/problems';

export interface OnceRequest {
  db: Database;
  /** Null: the client gave none, and the work is done without one. */
  key: KeyId | null;
  /** What the key is for: the action and what it acts on. */
  scope: string;
  /** The request as it was understood. */
  body: unknown;
  /** What the work makes, derived from the key. */
  subjectId: string;
  requestId: string;
  log: Logger;
}

/** Longer than any of these requests takes: after it, the process that began is gone. */
const LEASE_SECONDS = 15;

const FINAL_STATUSES = new Set([200, 201, 402, 409, 422]);
/** These say "not now" rather than "no": the same request may be right a moment later. */
const PASSING: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'PAYMENT_IN_PROGRESS',
  'IDEMPOTENCY_IN_FLIGHT',
]);

/**
 * Does `work` once for an idempotency key and gives its answer, also a problem, to every repeat. `work` must itself be
 * idempotent by `subjectId`: a process that dies half-way leaves the key to be taken again.
 *
 * @throws AppError `IDEMPOTENCY_KEY_REUSED`, `IDEMPOTENCY_IN_FLIGHT`, and what `work` throws that is not a final answer.
 */
export async function answerOnce(request: OnceRequest, work: () => Promise<Answer>): Promise<Answer> {
  const { db, key } = request;
  if (!key) return work();
  const wanted = {
    ...key,
    scope: request.scope,
    fingerprint: fingerprintOf(request.body),
    subjectId: request.subjectId,
  };
  const taken = await claimKey(db, wanted, LEASE_SECONDS);
  if (taken) {
    if (!isSameRequest(taken, wanted)) throw keyReused();
    if (taken.answer) return replayed(taken.answer);
    throw problem('IDEMPOTENCY_IN_FLIGHT', 'The first request with this key has no answer yet.');
  }
  const answer = await settle(request, key, work);
  if (!isFinal(answer)) {
    await releaseKey(db, key);
    return answer;
  }
  await finishKey(db, key, answer);
  return answer;
}

/** The work's answer; an error that is an answer becomes one, any other gives the key back and goes on. */
async function settle(request: OnceRequest, key: KeyId, work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work();
  } catch (error) {
    const answer = problemAnswer(error, request.requestId);
    if (isFinal(answer)) return answer;
    await releaseKey(request.db, key).catch((releaseError: unknown) =>
      request.log.warn({ err: releaseError }, 'an idempotency key stays taken until its lease ends'),
    );
    throw error;
  }
}

function isFinal(answer: Answer): boolean {
  const passing = isProblem(answer.body) && PASSING.has(answer.body.code);
  return FINAL_STATUSES.has(answer.status) && !passing;
}

function isProblem(body: unknown): body is { code: ProblemCode } {
  return typeof body === 'object' && body !== null && 'code' in body;
}

export function replayed(answer: StoredAnswer): Answer {
  return { ...answer, headers: { 'idempotency-replayed': 'true' } };
}

export function keyReused(): Error {
  return problem(
    'IDEMPOTENCY_KEY_REUSED',
    'This key was used with another request. Use a new key for a new request.',
  );
}
