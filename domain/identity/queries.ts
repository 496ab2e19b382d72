import {
  execute,
  many,
  maybeOne,
  type Database,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import { listOf } from '../../platform/database/list-parameter';
import { newestFirst, utc, utcMicros, type PageRequest } from '../../platform/database/pages';
import type { KeyKind, Scope, ServiceRole } from './types';

export interface ServiceRow {
  id: string;
  name: string;
  role: ServiceRole;
  adoptsAnonymous: boolean;
  createdAt: string;
}

const SERVICE = `s.id, s.name, s.role, s.adopts_anonymous as "adoptsAnonymous", ${utc('s.created_at')} as "createdAt"`;

/** By its name, in any case. */
export function selectService(on: Queryable, name: string): Promise<ServiceRow | undefined> {
  return maybeOne<ServiceRow>(
    on,
    'identity.service',
    `select ${SERVICE} from services s where lower(s.name) = lower($1)`,
    [name],
  );
}

export function selectServices(on: Queryable): Promise<ServiceRow[]> {
  return many<ServiceRow>(on, 'identity.services', `select ${SERVICE} from services s order by s.name`, []);
}

/** Returns 0 where there is one of this name already. */
export function insertService(
  tx: Transaction,
  service: { id: string; name: string; role: ServiceRole; actor: string },
): Promise<number> {
  return execute(
    tx,
    'identity.insert_service',
    `insert into services (id, name, role, created_by) values ($1, $2, $3, $4) on conflict do nothing`,
    [service.id, service.name, service.role, service.actor],
  );
}

/** Who has adopted what `anonymous` made. */
export function selectAdopter(on: Queryable): Promise<{ id: string; name: string } | undefined> {
  return maybeOne(on, 'identity.adopter', 'select id, name from services where adopts_anonymous', []);
}

export function updateAdopts(tx: Transaction, id: string): Promise<number> {
  return execute(
    tx,
    'identity.adopt_anonymous',
    'update services set adopts_anonymous = true where id = $1 and not adopts_anonymous',
    [id],
  );
}

/** What a request that has the key may do, and the hash that its secret must have. */
export interface KeyInUse {
  id: string;
  secretHash: Buffer;
  kind: KeyKind;
  scopes: Scope[];
  serviceId: string;
  role: ServiceRole;
  adoptsAnonymous: boolean;
}

/** Of these keys those that are neither revoked nor expired. */
export function selectKeysInUse(on: Queryable, ids: readonly string[]): Promise<KeyInUse[]> {
  return many<KeyInUse>(
    on,
    'identity.keys_in_use',
    `select k.id, k.secret_hash as "secretHash", k.kind, k.scopes, k.service_id as "serviceId", s.role,
            s.adopts_anonymous as "adoptsAnonymous"
     from api_keys k join services s on s.id = k.service_id
     where k.id = any (${listOf(1, 'uuid')}) and k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp())`,
    [ids],
  );
}

export interface KeyRow {
  id: string;
  service: string;
  role: ServiceRole;
  kind: KeyKind;
  scopes: Scope[];
  label: string | null;
  status: 'active' | 'expired' | 'revoked';
  /** Id of the key that it takes the place of. */
  replaces: string | null;
  createdAt: string;
  createdBy: string;
  expiresAt: string | null;
  revokedAt: string | null;
  lastUsedAt: string | null;
}

const KEY = `k.id, s.name as service, s.role, k.kind, k.scopes, k.label,
  case when k.revoked_at is not null then 'revoked' when k.expires_at <= clock_timestamp() then 'expired' else 'active' end as status,
  k.replaces, ${utc('k.created_at')} as "createdAt", k.created_by as "createdBy", ${utc('k.expires_at')} as "expiresAt",
  ${utc('k.revoked_at')} as "revokedAt", ${utc('k.last_used_at')} as "lastUsedAt"`;

export function selectKey(on: Queryable, id: string): Promise<KeyRow | undefined> {
  return maybeOne<KeyRow>(
    on,
    'identity.key',
    `select ${KEY} from api_keys k join services s on s.id = k.service_id where k.id = $1`,
    [id],
  );
}

export type KeyPageRow = KeyRow & { createdAtMicros: string };

/** Newest first; one more than asked for, to tell whether there are more. */
export function selectKeyPage(
  db: Database,
  filter: PageRequest & { service?: string | undefined },
): Promise<KeyPageRow[]> {
  const query = db
    .builder('api_keys as k')
    .join('services as s', 's.id', 'k.service_id')
    .select(db.builder.raw(`${KEY}, ${utcMicros('k.created_at')} as "createdAtMicros"`));
  if (filter.service !== undefined) void query.whereRaw('lower(s.name) = lower(?)', [filter.service]);
  return db.list<KeyPageRow>(newestFirst(query, { time: 'k.created_at', id: 'k.id' }, filter));
}

export interface NewKeyRow {
  id: string;
  serviceId: string;
  kind: KeyKind;
  scopes: readonly Scope[];
  secretHash: Buffer;
  label: string | null;
  actor: string;
  /** Null: it does not expire. */
  expiresInSeconds: number | null;
}

/** Returns 0 where the key of this id is there already. */
export function insertKey(tx: Transaction, key: NewKeyRow): Promise<number> {
  return execute(
    tx,
    'identity.insert_key',
    `insert into api_keys (id, service_id, kind, scopes, secret_hash, label, created_by, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + make_interval(secs => $8)) on conflict (id) do nothing`,
    [key.id, key.serviceId, key.kind, key.scopes, key.secretHash, key.label, key.actor, key.expiresInSeconds],
  );
}

/** The row of a key, locked. */
export function lockKey(tx: Transaction, id: string): Promise<{ id: string } | undefined> {
  return maybeOne(tx, 'identity.lock_key', 'select id from api_keys where id = $1 for no key update', [id]);
}

export function selectSuccessor(on: Queryable, id: string): Promise<{ id: string } | undefined> {
  return maybeOne(on, 'identity.successor', 'select id from api_keys where replaces = $1', [id]);
}

/** A key like another one, which it takes the place of. It lives as long as that one was to live. */
export function insertSuccessor(
  tx: Transaction,
  key: { id: string; replaces: string; secretHash: Buffer; actor: string },
): Promise<number> {
  return execute(
    tx,
    'identity.insert_successor',
    `insert into api_keys (id, service_id, kind, scopes, secret_hash, label, created_by, expires_at, replaces)
     select $1, service_id, kind, scopes, $3, label, $4, clock_timestamp() + (expires_at - created_at), id
     from api_keys where id = $2`,
    [key.id, key.replaces, key.secretHash, key.actor],
  );
}

/** A key ends so many seconds from now, or earlier where it was to. */
export function updateOverlap(tx: Transaction, id: string, seconds: number): Promise<number> {
  return execute(
    tx,
    'identity.key_overlap',
    `update api_keys
     set expires_at = least(expires_at, clock_timestamp() + make_interval(secs => $2)) where id = $1`,
    [id, seconds],
  );
}

/** Who revoked it first stays. */
export function updateRevoked(on: Queryable, id: string, actor: string): Promise<number> {
  return execute(
    on,
    'identity.revoke_key',
    `update api_keys set revoked_at = clock_timestamp(), revoked_by = $2 where id = $1 and revoked_at is null`,
    [id, actor],
  );
}

/** Keys that were used at these times, Unix milliseconds. A row that somebody else has locked is written the next time. */
export function updateLastUsed(on: Queryable, used: readonly { id: string; at: number }[]): Promise<number> {
  return execute(
    on,
    'identity.keys_used',
    `update api_keys k set last_used_at = greatest(k.last_used_at, u.at)
     from (select t.id, to_timestamp(t.at / 1000.0) as at from unnest($1::uuid[], $2::float8[]) as t (id, at)) u
     where k.id = u.id and k.id in (select id from api_keys where id = any ($1::uuid[]) order by id for no key update skip locked)`,
    [used.map(({ id }) => id), used.map(({ at }) => at)],
  );
}
