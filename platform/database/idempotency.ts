import { createHash } from 'node:crypto';
import { newId } from '../ids';
import { execute, maybeOne, type Queryable } from './database';

/** Whose key it is. Callers cannot see each other's. */
export interface KeyId {
  caller: string;
  key: string;
}

export interface NewKey extends KeyId {
  /** What the key is for. The same key for something else is refused. */
  scope: string;
  fingerprint: string;
  /** What the request makes: an order, a payment's update, a ledger effect. */
  subjectId: string;
}

/** A response as it was first sent. */
export interface StoredResponse {
  status: number;
  body: unknown;
}

export const KEY_STATES = ['accepted', 'started', 'done'] as const;
export type KeyState = (typeof KEY_STATES)[number];

export interface KeyEntry {
  scope: string;
  fingerprint: string;
  state: KeyState;
  /** Set when `state` is `done`. */
  response: StoredResponse | null;
}

interface KeyRow {
  scope: string;
  fingerprint: string;
  state: KeyState;
  status: number | null;
  body: unknown;
}

/** SHA-256 of a value's JSON with sorted member names: the same request has the same fingerprint however it was written. */
export function fingerprintOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

/** True when a key that is there was made by the same request. */
export function isSameRequest(entry: KeyEntry, request: NewKey): boolean {
  return entry.scope === request.scope && entry.fingerprint === request.fingerprint;
}

/**
 * Writes the key, or returns what is there. `isNew` tells which.
 * The row is what makes a retry after a restart the same request; it stays until nobody has used it for long (`removeOldKeys`).
 */
export async function acceptKey(on: Queryable, request: NewKey): Promise<KeyEntry & { isNew: boolean }> {
  const added = await execute(
    on,
    'idempotency.accept',
    `insert into idempotency_keys (caller, key, scope, fingerprint, subject_id)
     values ($1, $2, $3, $4, $5) on conflict (caller, key) do nothing`,
    [request.caller, request.key, request.scope, request.fingerprint, request.subjectId],
  );
  if (added === 1) {
    return {
      isNew: true,
      scope: request.scope,
      fingerprint: request.fingerprint,
      state: 'accepted',
      response: null,
    };
  }
  const there = await findKey(on, request);
  // It was removed as too old, just now: the request is a new one.
  return there ? { isNew: false, ...there } : acceptKey(on, request);
}

/** A key that one run of its request has. Only the latest claim of a key counts. */
export interface ClaimedKey extends KeyId {
  claim: string;
}

/**
 * Takes the key for one run of its request: it is new, its last run ended without a response, or it began more than
 * `leaseSeconds` ago. Otherwise returns what is there.
 */
export async function claimKey(
  on: Queryable,
  request: NewKey,
  leaseSeconds: number,
): Promise<{ claimed: ClaimedKey } | { existing: KeyEntry }> {
  const { caller, key } = request;
  const claim = newId();
  const taken = await execute(
    on,
    'idempotency.claim',
    `insert into idempotency_keys as k (caller, key, scope, fingerprint, subject_id, state, claim)
     values ($1, $2, $3, $4, $5, 'started', $7)
     on conflict (caller, key) do update set state = 'started', claim = excluded.claim, updated_at = clock_timestamp()
     where k.scope = excluded.scope and k.fingerprint = excluded.fingerprint
       and (k.state = 'accepted'
            or (k.state = 'started' and k.updated_at < clock_timestamp() - make_interval(secs => $6)))`,
    [caller, key, request.scope, request.fingerprint, request.subjectId, leaseSeconds, claim],
  );
  if (taken === 1) return { claimed: { caller, key, claim } };
  const existing = await findKey(on, request);
  return existing ? { existing } : claimKey(on, request, leaseSeconds);
}

/** Gives a claimed key back without a response: the same request may run again. Does nothing when another run has the key. */
export async function releaseKey(on: Queryable, { caller, key, claim }: ClaimedKey): Promise<void> {
  await execute(
    on,
    'idempotency.release',
    `update idempotency_keys set state = 'accepted', claim = null, updated_at = clock_timestamp()
     where caller = $1 and key = $2 and state = 'started' and claim = $3`,
    [caller, key, claim],
  );
}

/**
 * Records that the engine is about to be asked. Null: it may be. Otherwise the response that another request with the same
 * key was refused with meanwhile, and then the engine must not be asked.
 */
export async function startKey(on: Queryable, id: KeyId): Promise<StoredResponse | null> {
  const started = await execute(
    on,
    'idempotency.start',
    `update idempotency_keys set state = 'started', updated_at = clock_timestamp()
     where caller = $1 and key = $2 and state <> 'done'`,
    [id.caller, id.key],
  );
  return started === 1 ? null : (await readKey(on, id)).response;
}

/**
 * Stores a refusal for a key that was never started, as one condition: a refusal and a start of the same key exclude each
 * other, whichever processes they run in. Returns the refusal that stands, or null when the engine was asked meanwhile.
 */
export async function refuseKey(
  on: Queryable,
  id: KeyId,
  response: StoredResponse,
): Promise<StoredResponse | null> {
  const refused = await execute(
    on,
    'idempotency.refuse',
    `update idempotency_keys set state = 'done', status = $3, body = $4, updated_at = clock_timestamp()
     where caller = $1 and key = $2 and state = 'accepted'`,
    [id.caller, id.key, response.status, JSON.stringify(response.body)],
  );
  return refused === 1 ? response : (await readKey(on, id)).response;
}

/**
 * Stores the final response and returns the one that is stored: the first stays. A run whose key another run has claimed
 * stores nothing; until that one ends, its own response is returned. One exception: a run that has done its work is not told
 * that the other was refused. Both did the same work, so a refusal beside a success is out of date.
 */
export async function finishKey(
  on: Queryable,
  id: KeyId | ClaimedKey,
  response: StoredResponse,
): Promise<StoredResponse> {
  const stored = await execute(
    on,
    'idempotency.finish',
    `update idempotency_keys set state = 'done', status = $3, body = $4, updated_at = clock_timestamp()
     where caller = $1 and key = $2 and (
       (state <> 'done' and claim is not distinct from $5)
       or (state = 'done' and claim <> $5 and status >= 400 and $3 < 400))`,
    [id.caller, id.key, response.status, JSON.stringify(response.body), 'claim' in id ? id.claim : null],
  );
  return stored === 1 ? response : ((await readKey(on, id)).response ?? response);
}

/** A key is removed long after its last use, so one that was just used is there. */
async function readKey(on: Queryable, id: KeyId): Promise<KeyEntry> {
  const found = await findKey(on, id);
  if (!found) throw new Error('an idempotency key disappeared');
  return found;
}

/** What is there under a key, or null. Writes nothing. */
export async function findKey(on: Queryable, id: KeyId): Promise<KeyEntry | null> {
  const row = await maybeOne<KeyRow>(
    on,
    'idempotency.read',
    'select scope, fingerprint, state, status, body from idempotency_keys where caller = $1 and key = $2',
    [id.caller, id.key],
  );
  if (!row) return null;
  const { scope, fingerprint, state, status, body } = row;
  return { scope, fingerprint, state, response: status === null ? null : { status, body } };
}
