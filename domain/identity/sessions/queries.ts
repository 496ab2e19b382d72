import {
  execute,
  many,
  maybeOne,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import { listOf } from '../../../platform/database/list-parameter';
import type { SessionEnd, SessionUser } from './types';

/** Null where the account has changed since the password was checked: another session could not be ended any more. */
export function insertSession(
  tx: Transaction,
  {
    sessionId,
    userId,
    passwordHash,
    days,
  }: { sessionId: string; userId: string; passwordHash: string; days: number },
): Promise<SessionUser | undefined> {
  return maybeOne<SessionUser>(
    tx,
    'sessions.insert',
    `with account as materialized (
       select id, role from users where id = $2 and status = 'active' and password_hash = $3 for share
     ), added as (
       insert into sessions (id, user_id, expires_at)
       select $1, id, clock_timestamp() + make_interval(days => $4) from account returning id, created_at
     )
     select added.id as "sessionId", account.id as "userId", account.role, added.created_at as "signedInAt" from account, added`,
    [sessionId, userId, passwordHash, days],
  );
}

export async function insertRefreshToken(
  tx: Transaction,
  { hash, sessionId, days }: { hash: Buffer; sessionId: string; days: number },
): Promise<void> {
  await execute(
    tx,
    'refresh_tokens.insert',
    `insert into refresh_tokens (token_hash, session_id, expires_at)
     select $1, id, least(expires_at, clock_timestamp() + make_interval(days => $3)) from sessions where id = $2`,
    [hash, sessionId, days],
  );
}

/** Uses a token that nobody has used, of a session that goes on. Of two at the same time one does. */
export function useRefreshToken(
  tx: Transaction,
  { hash, successor }: { hash: Buffer; successor: Buffer },
): Promise<SessionUser | undefined> {
  return maybeOne<SessionUser>(
    tx,
    'refresh_tokens.use',
    `update refresh_tokens t set used_at = clock_timestamp(), successor = $2
     from sessions s join users u on u.id = s.user_id
     where t.token_hash = $1 and t.used_at is null and t.expires_at > clock_timestamp()
       and s.id = t.session_id and s.ended_at is null and s.expires_at > clock_timestamp() and u.status = 'active'
     returning s.id as "sessionId", s.user_id as "userId", u.role, s.created_at as "signedInAt"`,
    [hash, successor],
  );
}

export interface UsedToken extends SessionUser {
  /** Null: it was never used; it or its session has ended. */
  successor: Buffer | null;
  isLive: boolean;
  /** It was used so recently that its holder may only not have had the response. */
  isRecent: boolean;
}

export function findRefreshToken(
  on: Queryable,
  hash: Buffer,
  graceSeconds: number,
): Promise<UsedToken | undefined> {
  return maybeOne<UsedToken>(
    on,
    'refresh_tokens.find',
    `select s.id as "sessionId", s.user_id as "userId", u.role, s.created_at as "signedInAt", t.successor,
            s.ended_at is null and s.expires_at > clock_timestamp() and u.status = 'active' as "isLive",
            coalesce(t.used_at > clock_timestamp() - make_interval(secs => $2), false) as "isRecent"
     from refresh_tokens t join sessions s on s.id = t.session_id join users u on u.id = s.user_id
     where t.token_hash = $1`,
    [hash, graceSeconds],
  );
}

/** Of these sessions those that go on, as their users are now. */
export function selectLiveSessions(on: Queryable, ids: readonly string[]): Promise<SessionUser[]> {
  return many<SessionUser>(
    on,
    'sessions.live',
    `select s.id as "sessionId", s.user_id as "userId", u.role, s.created_at as "signedInAt"
     from sessions s join users u on u.id = s.user_id
     where s.id = any (${listOf(1, 'uuid')}) and s.ended_at is null and s.expires_at > clock_timestamp() and u.status = 'active'`,
    [ids],
  );
}

/** Returns whether it went on until now. */
export async function endSession(on: Queryable, sessionId: string, by: SessionEnd): Promise<boolean> {
  const ended = await execute(
    on,
    'sessions.end',
    'update sessions set ended_at = clock_timestamp(), ended_by = $2 where id = $1 and ended_at is null',
    [sessionId, by],
  );
  return ended > 0;
}

export function endSessionsOf(on: Queryable, userId: string, by: SessionEnd): Promise<number> {
  return execute(
    on,
    'sessions.end_all',
    'update sessions set ended_at = clock_timestamp(), ended_by = $2 where user_id = $1 and ended_at is null',
    [userId, by],
  );
}

/** With their tokens. */
export async function deleteSessionsOf(tx: Transaction, userId: string): Promise<void> {
  await execute(tx, 'sessions.delete_of_user', 'delete from sessions where user_id = $1', [userId]);
}
