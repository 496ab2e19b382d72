import type { Queryable } from '../../platform/database/database';
import {
  claimKey,
  finishKey,
  fingerprintOf,
  isSameRequest,
  receivedFingerprintOf,
  releaseKey,
  renewKey,
  type ClaimedKey,
  type StoredResponse,
} from '../../platform/database/idempotency';
import { problem, type ProblemCode } from '../http/problems';
import type { RequestContext } from '../http/request-context';
import { problemResponse, type ApiResponse } from '../http/response';
import { idForKey, keyReused, type IdempotencyKey } from './idempotency-key';

interface IdempotentRequest extends Pick<RequestContext, 'requestId' | 'log'>, IdempotencyKey {
  /** The validated body: keys of a version before are compared by it. */
  body: unknown;
  /** The body as it was received. */
  receivedBody: unknown;
}

/**
 * A run renews its lease while it works. After so long without that, its process is probably gone; should it still run, it can no longer
 * release or finish the key.
 */
const LEASE_SECONDS = 15;
/** Two that fail do not lose the key. */
const RENEW_MS = 4_000;

const FINAL_STATUSES = new Set([200, 201, 402, 409, 422]);
/** Problems that pass: the same request may succeed a moment later. */
const TRANSIENT: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'PAYMENT_IN_PROGRESS',
  'AMENDMENT_IN_PROGRESS',
  'REFUND_UNDER_WAY',
  'IDEMPOTENCY_IN_FLIGHT',
]);

/**
 * Runs `work` once for the request's idempotency key and returns its response, also a problem, to every repeat. `work` must
 * itself be idempotent by its argument: a process that dies half-way, or is paused for longer than the lease, leaves the key to be
 * claimed again. Without a key, `work` runs every time.
 *
 * @param scope the action and what it acts on: the key is good for nothing else
 * @param subjectId of what the work makes: from `idForKey`
 * @throws AppError `IDEMPOTENCY_KEY_REUSED`, `IDEMPOTENCY_IN_FLIGHT`, and what `work` throws that is no final response
 */
export async function runOnce(
  { db }: { db: Queryable },
  request: IdempotentRequest,
  scope: string,
  work: (subjectId: string) => Promise<ApiResponse>,
  subjectId = idForKey(request, scope),
): Promise<ApiResponse> {
  const { keyCaller, idempotencyKey, body, receivedBody } = request;
  if (idempotencyKey === null) return work(subjectId);
  const key = {
    caller: keyCaller,
    key: idempotencyKey,
    scope,
    fingerprint: fingerprintOf(body),
    received: receivedFingerprintOf(receivedBody),
    subjectId,
  };
  const claim = await claimKey(db, key, LEASE_SECONDS);
  if ('existing' in claim) {
    const { existing } = claim;
    if (!isSameRequest(existing, key)) throw keyReused();
    if (existing.response) return replayed(existing.response);
    throw problem('IDEMPOTENCY_IN_FLIGHT', 'The first request with this key has no answer yet.');
  }
  const { claimed } = claim;
  const stopRenewing = renewing(db, request, claimed);
  const response = await respond(db, request, claimed, () => work(subjectId)).finally(stopRenewing);
  if (!isFinal(response)) {
    await releaseKey(db, claimed);
    return response;
  }
  const stored = await finishKey(db, claimed, response);
  return stored === response ? response : replayed(stored);
}

/** Renews the lease of a key until the function that is returned is called, or another run has the key. */
function renewing(db: Queryable, { log }: IdempotentRequest, key: ClaimedKey): () => void {
  const timer = setInterval(() => {
    renewKey(db, key).then(
      (hasKey) => {
        if (!hasKey) clearInterval(timer);
      },
      (error: unknown) => log.warn({ err: error }, 'the lease of an idempotency key could not be renewed'),
    );
  }, RENEW_MS);
  return () => {
    clearInterval(timer);
  };
}

/** The response of `work`. An error that makes a final response becomes one; any other releases the key and is thrown. */
async function respond(
  db: Queryable,
  { requestId, log }: IdempotentRequest,
  key: ClaimedKey,
  work: () => Promise<ApiResponse>,
): Promise<ApiResponse> {
  try {
    return await work();
  } catch (error) {
    const response = problemResponse(error, requestId);
    if (isFinal(response)) return response;
    await releaseKey(db, key).catch((releaseError: unknown) =>
      log.warn({ err: releaseError }, 'an idempotency key stays claimed until its lease ends'),
    );
    throw error;
  }
}

/** 202, 429 and 503 are not: the same request may get another answer later. */
export function isFinal({ status, body }: ApiResponse): boolean {
  return FINAL_STATUSES.has(status) && !(isProblem(body) && TRANSIENT.has(body.code));
}

function isProblem(body: unknown): body is { code: ProblemCode } {
  return typeof body === 'object' && body !== null && 'code' in body;
}

/** A stored response as it is sent to a repeated request. */
export function replayed(response: StoredResponse): ApiResponse {
  return { ...response, headers: { ...response.headers, 'idempotency-replayed': 'true' } };
}
