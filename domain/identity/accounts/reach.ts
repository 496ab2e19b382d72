import { createHash } from 'node:crypto';
import type { Queryable, Transaction } from '../../../platform/database/database';
import { selectLocale, selectReach, selectStaff, setUndeliverable, type Reach } from './reach-queries';
import { selectActiveUsers } from './queries';
import type { Locale } from './types';

/** Null: they are disabled or erased, have not confirmed their address, or it is known to take no mail. */
export async function reachOf(on: Queryable, userId: string): Promise<Reach | null> {
  return (await selectReach(on, userId)) ?? null;
}

/** In which language somebody is written to. */
export async function localeOf(on: Queryable, userId: string): Promise<Locale> {
  return (await selectLocale(on, userId))?.locale ?? 'en';
}

/** Which of these are people who can sign in. @param userIds UUIDs */
export async function activeAmong(on: Queryable, userIds: readonly string[]): Promise<Set<string>> {
  if (userIds.length === 0) return new Set();
  return new Set((await selectActiveUsers(on, userIds)).map(({ id }) => id));
}

/** Operators and admins who can sign in. Those of another provider have their roles there, and are not among them. */
export async function activeStaff(on: Queryable): Promise<string[]> {
  return (await selectStaff(on)).map(({ id }) => id);
}

/** By which an address that was written to is known again. */
export function hashOfAddress(email: string): Buffer {
  return createHash('sha256').update(email.toLowerCase()).digest();
}

/**
 * Marks somebody's address as one that takes no mail, until they have another one or confirm it anew. Returns whether it was: not where
 * they have another address by now, or it is marked already.
 */
export async function markUndeliverable(
  tx: Transaction,
  marked: { userId: string; addressHash: Buffer; reason: string },
): Promise<boolean> {
  return (await setUndeliverable(tx, marked)) > 0;
}
