import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { pageIn, withoutMicros, type Page, type PageRequest } from '../../platform/database/pages';
import { AppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { recordChange } from '../audit/record';
import { isSameHash, newKeyText, parseKeyText } from './key-text';
import {
  insertKey,
  insertSuccessor,
  lockKey,
  selectKey,
  selectKeyPage,
  selectKeysInUse,
  selectSuccessor,
  updateOverlap,
  updateRevoked,
  type KeyRow,
} from './queries';
import { ensureService, type ServiceView } from './services';
import type { KeyKind, Scope, ServiceRole } from './types';

export type KeyView = KeyRow;

/** A key with its text, which is shown this once. */
export interface ShownKey extends KeyView {
  key: string;
}

export interface NewKey {
  /** Name of the service that it is of. */
  service: string;
  /** Of a service that there is not yet. */
  role?: ServiceRole | undefined;
  kind: KeyKind;
  /** Of the key of a service whose role is `service`; others have what their role has. */
  scopes: readonly Scope[];
  label: string | null;
  /** Null: it does not expire. */
  expiresInSeconds: number | null;
  /** Who makes it. */
  actor: string;
}

/**
 * Makes a key, and its service where there is none. Not by an idempotency key: the response, with the secret, is kept nowhere.
 *
 * @throws AppError `UNKNOWN_SERVICE`, `SERVICE_HAS_OTHER_ROLE`, `SCOPES_REQUIRED`, `SCOPES_NOT_ALLOWED`
 */
export function createKey(db: Database, wanted: NewKey): Promise<ShownKey> {
  return db.retrying(async (tx) => {
    const { kind, label, expiresInSeconds, actor } = wanted;
    const service = await ensureService(tx, { name: wanted.service, role: wanted.role, actor });
    const scopes = scopesOf(service, wanted);
    const id = newId();
    const { text, secretHash } = newKeyText(kind, id);
    await insertKey(tx, {
      id,
      serviceId: service.id,
      kind,
      scopes,
      secretHash,
      label,
      actor,
      expiresInSeconds,
    });
    const made = await shown(tx, id, text);
    await recordMade(tx, made, actor);
    return made;
  });
}

function scopesOf({ role, name }: ServiceView, { kind, scopes }: NewKey): readonly Scope[] {
  if (kind === 'publishable') {
    if (scopes.some((scope) => scope !== 'availability:read'))
      throw new AppError(
        'SCOPES_NOT_ALLOWED',
        'A publishable key has the scope availability:read and no other.',
      );
    return ['availability:read'];
  }
  if (role !== 'service' && scopes.length > 0)
    throw new AppError(
      'SCOPES_NOT_ALLOWED',
      `Keys of ${name} have what the role ${role} has, and no scopes.`,
    );
  if (role === 'service' && scopes.length === 0)
    throw new AppError('SCOPES_REQUIRED', `Name what the key of ${name} may do: at least one scope.`);
  return [...new Set(scopes)];
}

/** A key whose text is known already. */
export interface RegisteredKey extends Pick<NewKey, 'service' | 'kind' | 'scopes' | 'actor'> {
  role: ServiceRole;
  text: string;
}

/**
 * Lets a key be good whose text somebody has: once by its id.
 *
 * @returns whether it is; one that was revoked or has another secret stays as it is, and a text that is no key is none
 */
export function registerKey(db: Database, wanted: RegisteredKey): Promise<boolean> {
  const { service: name, role, kind, scopes, text, actor } = wanted;
  const parsed = parseKeyText(text);
  if (parsed?.kind !== kind) return Promise.resolve(false);
  const { id, secretHash } = parsed;
  return db.retrying(async (tx) => {
    const { id: serviceId } = await ensureService(tx, { name, role, actor });
    const isNew = await insertKey(tx, {
      id,
      serviceId,
      kind,
      scopes,
      secretHash,
      label: null,
      actor,
      expiresInSeconds: null,
    });
    if (isNew) await recordMade(tx, await existing(tx, id), actor);
    const [inUse] = await selectKeysInUse(tx, [id]);
    return inUse !== undefined && isSameHash(inUse.secretHash, secretHash);
  });
}

/** A page of keys, newest first. */
export async function listKeys(
  db: Database,
  filter: PageRequest & { service?: string | undefined },
): Promise<Page<KeyView>> {
  return pageIn(await selectKeyPage(db, filter), filter.limit, withoutMicros);
}

/**
 * Makes a key like this one in its place. The old one goes on for `overlapSeconds`, so that both are good while the new one is
 * distributed.
 *
 * @throws AppError `KEY_NOT_FOUND`, `KEY_ENDED`, `KEY_ROTATED` with the id of its `successor`
 */
export function rotateKey(
  db: Database,
  { id, overlapSeconds, actor }: { id: string; overlapSeconds: number; actor: string },
): Promise<ShownKey> {
  return db.retrying(async (tx) => {
    if (!(await lockKey(tx, id))) throw keyNotFound();
    const old = await existing(tx, id);
    if (old.status !== 'active')
      throw new AppError('KEY_ENDED', `The key is ${old.status}: make another one.`);
    const successor = await selectSuccessor(tx, id);
    if (successor)
      throw new AppError('KEY_ROTATED', 'Another key has taken the place of this one: rotate that one.', {
        successor: successor.id,
      });
    const made = newId();
    const { text, secretHash } = newKeyText(old.kind, made);
    await insertSuccessor(tx, { id: made, replaces: id, secretHash, actor });
    await updateOverlap(tx, id, overlapSeconds);
    const key = await shown(tx, made, text);
    await recordMade(tx, key, actor);
    return key;
  });
}

/** Ends a key at once. Again, it changes nothing. @throws AppError `KEY_NOT_FOUND` */
export function revokeKey(db: Database, { id, actor }: { id: string; actor: string }): Promise<KeyView> {
  return db.retrying(async (tx) => {
    if (await updateRevoked(tx, id, actor))
      await recordChange(tx, { actor, action: 'api_key.revoked', subject: { type: 'api_key', id } });
    return existing(tx, id);
  });
}

async function recordMade(
  tx: Transaction,
  { id, service, kind, scopes, expiresAt, replaces }: KeyView,
  actor: string,
): Promise<void> {
  await recordChange(tx, {
    actor,
    action: replaces === null ? 'api_key.made' : 'api_key.rotated',
    subject: { type: 'api_key', id },
    after: { service, kind, scopes, expiresAt, replaces },
  });
}

async function shown(tx: Transaction, id: string, key: string): Promise<ShownKey> {
  return { ...(await existing(tx, id)), key };
}

async function existing(on: Queryable, id: string): Promise<KeyView> {
  const found = await selectKey(on, id);
  if (!found) throw keyNotFound();
  return found;
}

function keyNotFound(): Error {
  return new AppError('KEY_NOT_FOUND', 'There is no such key.');
}
