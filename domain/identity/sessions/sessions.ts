import { hkdfSync } from 'node:crypto';
import type { Database, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { newId } from '../../../platform/ids';
import { seal, unseal } from '../../../platform/seal';
import type { Logger } from '../../../platform/telemetry/log';
import { recordChange } from '../../audit/record';
import { hashOfToken, newToken } from '../secret-token';
import {
  deleteSessionsOf,
  endSession,
  endSessionsOf,
  findRefreshToken,
  insertRefreshToken,
  insertSession,
  useRefreshToken,
} from './queries';
import type { SessionEnd, SessionUser } from './types';

/** A session ends after so many days at the latest: then its user signs in again. */
const SESSION_DAYS = 90;
/** One that is not refreshed for so many days ends. */
const REFRESH_DAYS = 30;
/** A client that has lost the response, or asks twice at once, gets the same successor within this time. */
export const REUSE_GRACE_SECONDS = 10;

export { selectLiveSessions as liveSessions } from './queries';

/** A session with the token that its next access token is asked for with. */
export interface RefreshedSession extends SessionUser {
  refreshToken: string;
}

/**
 * Begins a session of a user whose password was checked against this hash.
 *
 * @returns null where the account was disabled or has another password by now
 */
export function beginSession(
  db: Database,
  account: { userId: string; passwordHash: string },
): Promise<RefreshedSession | null> {
  return db.retrying(async (tx) => {
    const session = await insertSession(tx, { sessionId: newId(), ...account, days: SESSION_DAYS });
    if (!session) return null;
    const { token, hash } = newToken();
    await insertRefreshToken(tx, { hash, sessionId: session.sessionId, days: REFRESH_DAYS });
    await recordChange(tx, {
      actor: `user:${session.userId}`,
      action: 'session.begun',
      subject: { type: 'session', id: session.sessionId },
    });
    return { ...session, refreshToken: token };
  });
}

/**
 * Exchanges a refresh token for its successor. The same again within `REUSE_GRACE_SECONDS` gives the same successor; after that somebody
 * else may have it, and the session ends.
 *
 * @throws AppError `SESSION_ENDED` for a token that is no longer good, or never was
 */
export async function refreshSession(db: Database, token: string, log: Logger): Promise<RefreshedSession> {
  const hash = hashOfToken(token);
  if (hash === null) throw sessionEnded();
  const outcome = await db.retrying(async (tx) => {
    const successor = newToken();
    const session = await useRefreshToken(tx, { hash, successor: sealSuccessor(token, successor.token) });
    if (session) {
      await insertRefreshToken(tx, {
        hash: successor.hash,
        sessionId: session.sessionId,
        days: REFRESH_DAYS,
      });
      return { ...session, refreshToken: successor.token };
    }
    const used = await findRefreshToken(tx, hash, REUSE_GRACE_SECONDS);
    if (!used?.isLive || used.successor === null) return null;
    const { sessionId, userId, role, signedInAt } = used;
    if (used.isRecent)
      return { sessionId, userId, role, signedInAt, refreshToken: openSuccessor(token, used.successor) };
    await endSession(tx, sessionId, 'reuse');
    await recordEnded(tx, { sessionId, userId }, 'reuse');
    return { reused: { sessionId, userId } };
  });
  if (outcome === null) throw sessionEnded();
  if ('reused' in outcome) {
    log.warn(outcome.reused, 'a refresh token was used again: its session has ended');
    throw sessionEnded();
  }
  return outcome;
}

/** Ends the session of a refresh token, also of one that was used. One that is not known has none. */
export async function logOut(db: Database, token: string): Promise<void> {
  const hash = hashOfToken(token);
  const found = hash && (await findRefreshToken(db, hash, 0));
  if (!found) return;
  await db.retrying(async (tx) => {
    if (await endSession(tx, found.sessionId, 'logout')) await recordEnded(tx, found, 'logout');
  });
}

async function recordEnded(
  tx: Transaction,
  { sessionId, userId }: { sessionId: string; userId: string },
  by: SessionEnd,
): Promise<void> {
  await recordChange(tx, {
    actor: `user:${userId}`,
    action: 'session.ended',
    subject: { type: 'session', id: sessionId },
    after: { by },
  });
}

/** Ends all of one's sessions, by oneself. */
export async function logOutOfAll(db: Database, userId: string): Promise<void> {
  await db.retrying(async (tx) => {
    // Asked again it changes nothing, and nothing is recorded.
    if ((await endSessionsOf(tx, userId, 'logout_all')) === 0) return;
    await recordChange(tx, {
      actor: `user:${userId}`,
      action: 'user.sessions_ended',
      subject: { type: 'user', id: userId },
    });
  });
}

/** Ends all sessions of a user, with what is recorded of why. Their access tokens end by themselves, within minutes. */
export async function logOutEverywhere(
  tx: Transaction,
  userId: string,
  by: Exclude<SessionEnd, 'logout' | 'logout_all' | 'reuse'>,
): Promise<void> {
  await endSessionsOf(tx, userId, by);
}

/** Forgets the sessions of a user who is erased, which ends them. */
export function forgetSessions(tx: Transaction, userId: string): Promise<void> {
  return deleteSessionsOf(tx, userId);
}

/**
 * The successor is kept so that only who has the token can read it: the database has the token's hash, from which its key cannot be made.
 */
function sealSuccessor(token: string, successor: string): Buffer {
  return seal(keyOf(token), Buffer.from(successor), SUCCESSOR);
}

function openSuccessor(token: string, sealed: Buffer): string {
  return unseal(keyOf(token), sealed, SUCCESSOR).toString();
}

const SUCCESSOR = 'holdfast refresh token successor';

function keyOf(token: string): Buffer {
  return Buffer.from(hkdfSync('sha256', token, '', SUCCESSOR, 32));
}

function sessionEnded(): AppError {
  return new AppError('SESSION_ENDED', 'The session has ended. Sign in again.');
}
