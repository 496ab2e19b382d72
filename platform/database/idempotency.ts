import { createHash } from 'node:crypto';
import { AppError } from '../errors';
import { newId } from '../ids';
import { execute, maybeOne, one, type Database, type Queryable, type Transaction } from './database';
import {
  asRemovedPart,
  FIRST_PLACE,
  REMOVED_OF_PART,
  removeAged,
  type AgedPart,
  type RemovedPart,
  type RemovedRow,
  type RetentionRun,
} from './retention';

/** Whose key it is. Callers cannot see each other's. */
export interface KeyId {
  caller: string;
  key: string;
}

export interface NewKey extends KeyId {
  /** What the key is for. The same key for something else is refused. */
  scope: string;
  /** Of the request as it was understood: keys of the version before have nothing else. */
  fingerprint: string;
  /** Of the request as it was received, from `receivedFingerprintOf`. */
  received: string;
  /** What the request makes: an order, a payment's update, a ledger effect. */
  subjectId: string;
}

/** A response as it was first sent. */
export interface StoredResponse {
  status: number;
  body: unknown;
  headers?: Readonly<Record<string, string>>;
}

export const KEY_STATES = ['accepted', 'started', 'done'] as const;
export type KeyState = (typeof KEY_STATES)[number];

export interface KeyEntry {
  scope: string;
  fingerprint: string;
  /** Null: a version before has written the key. */
  received: string | null;
  state: KeyState;
  /** Set when `state` is `done`. */
  response: StoredResponse | null;
}

interface KeyRow {
  scope: string;
  fingerprint: string;
  received: string | null;
  state: KeyState;
  status: number | null;
  body: unknown;
  headers: Record<string, string> | null;
}

/** SHA-256 of a value's JSON with sorted member names: the same request has the same fingerprint however it was written. */
export function fingerprintOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/** Of how `receivedFingerprintOf` makes it. Fingerprints of two versions cannot be compared. */
const RECEIVED_VERSION = 2;

/**
 * The same of a request as it was received, before it was understood: a later version, which knows more fields and defaults, makes the
 * same of it.
 */
export function receivedFingerprintOf(value: unknown): string {
  return `${RECEIVED_VERSION}:${fingerprintOf(value)}`;
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

/**
 * True when a key that is there was made by the same request: it was received alike, whatever another version made of it, or it is
 * understood alike, with its defaults written out or not.
 */
export function isSameRequest(entry: KeyEntry, request: NewKey): boolean {
  if (entry.scope !== request.scope) return false;
  return entry.received === request.received || entry.fingerprint === request.fingerprint;
}

/**
 * Writes the key, or returns what is there. `isNew` tells which.
 * The row is what makes a retry after a restart the same request; it stays until nobody has used it for long (`removeOldKeys`).
 */
export async function acceptKey(on: Queryable, request: NewKey): Promise<KeyEntry & { isNew: boolean }> {
  const added = await execute(
    on,
    'idempotency.accept',
    `insert into idempotency_keys (caller, key, scope, fingerprint, received, subject_id)
     values ($1, $2, $3, $4, $6, $5) on conflict (caller, key) do nothing`,
    [request.caller, request.key, request.scope, request.fingerprint, request.subjectId, request.received],
  );
  if (added === 1) {
    return {
      isNew: true,
      scope: request.scope,
      fingerprint: request.fingerprint,
      received: request.received,
      state: 'accepted',
      response: null,
    };
  }
  return { isNew: false, ...(await readKey(on, request)) };
}

/** A key that one run of its request has. Only the latest claim of a key counts. */
export interface ClaimedKey extends KeyId {
  claim: string;
}

/**
 * Takes the key for one run of its request: it is new, its last run ended without a response, or has not renewed its lease for
 * `leaseSeconds`. Otherwise returns what is there.
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
    `insert into idempotency_keys as k (caller, key, scope, fingerprint, received, subject_id, state, claim)
     values ($1, $2, $3, $4, $8, $5, 'started', $7)
     on conflict (caller, key) do update set state = 'started', claim = excluded.claim, updated_at = clock_timestamp()
     where k.scope = excluded.scope
       and (k.received = excluded.received or k.fingerprint = excluded.fingerprint)
       and (k.state = 'accepted'
            or (k.state = 'started' and k.updated_at < clock_timestamp() - make_interval(secs => $6)))`,
    [
      caller,
      key,
      request.scope,
      request.fingerprint,
      request.subjectId,
      leaseSeconds,
      claim,
      request.received,
    ],
  );
  return taken === 1 ? { claimed: { caller, key, claim } } : { existing: await readKey(on, request) };
}

/** Tells that the run that has the key goes on. Returns whether it still has it. */
export async function renewKey(on: Queryable, { caller, key, claim }: ClaimedKey): Promise<boolean> {
  const renewed = await execute(
    on,
    'idempotency.renew',
    `update idempotency_keys set updated_at = clock_timestamp()
     where caller = $1 and key = $2 and state = 'started' and claim = $3`,
    [caller, key, claim],
  );
  return renewed === 1;
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
    `update idempotency_keys set state = 'done', status = $3, body = $4, headers = $5, updated_at = clock_timestamp()
     where caller = $1 and key = $2 and state = 'accepted'`,
    [id.caller, id.key, ...storedValues(response)],
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
    `update idempotency_keys set state = 'done', status = $3, body = $4, headers = $5, updated_at = clock_timestamp()
     where caller = $1 and key = $2 and (
       (state <> 'done' and claim is not distinct from $6)
       or (state = 'done' and claim <> $6 and status >= 400 and $3 < 400))`,
    [id.caller, id.key, ...storedValues(response), 'claim' in id ? id.claim : null],
  );
  return stored === 1 ? response : ((await readKey(on, id)).response ?? response);
}

function storedValues({ status, body, headers }: StoredResponse): unknown[] {
  return [status, JSON.stringify(body), headers ? JSON.stringify(headers) : null];
}

/**
 * A key that was just seen is there: it is removed long after its last use.
 *
 * @throws AppError `IDEMPOTENCY_IN_FLIGHT` when it was removed this very moment: sent again, the request is a new one
 */
async function readKey(on: Queryable, id: KeyId): Promise<KeyEntry> {
  const found = await findKey(on, id);
  if (!found)
    throw new AppError(
      'IDEMPOTENCY_IN_FLIGHT',
      'The key was just forgotten, as too old. Send the request again.',
    );
  return found;
}

/** What is there under a key, or null. Writes nothing. */
export async function findKey(on: Queryable, id: KeyId): Promise<KeyEntry | null> {
  const row = await maybeOne<KeyRow>(
    on,
    'idempotency.read',
    `select scope, fingerprint, received, state, status, body, headers from idempotency_keys
     where caller = $1 and key = $2`,
    [id.caller, id.key],
  );
  if (!row) return null;
  const { status, body, headers, ...entry } = row;
  const response = status === null ? null : { status, body, ...(headers && { headers }) };
  return { ...entry, response };
}

/** Removes keys that nobody has used for so long. The same request, sent again after that, is decided anew. */
export function removeOldKeys(db: Database, run: RetentionRun): Promise<number> {
  return removeAged(db, run, FIRST_PLACE, deleteKeys);
}

/** Removes a part of them. */
export async function deleteKeys(tx: Transaction, { days, after, limit }: AgedPart): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'idempotency.delete_old',
    `with part as materialized (
       select ctid as place, created_at as at, updated_at < now() - make_interval(days => $1) as unused
       from idempotency_keys
       where created_at < now() - make_interval(days => $1) and (created_at, ctid) > ($2::timestamptz, $3::tid)
       order by created_at, ctid limit $4
     ), gone as (
       delete from idempotency_keys where ctid = any (array(select place from part where unused)) returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}
