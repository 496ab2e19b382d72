import { execute, one, type Transaction } from '../../platform/database/database';

/** One follower of a lock at a time; false: another one has its turn. Held until the transaction ends. */
export async function tryFollowerLock(tx: Transaction, lock: string): Promise<boolean> {
  const { locked } = await one<{ locked: boolean }>(
    tx,
    'event_log.try_follower_lock',
    'select pg_try_advisory_xact_lock(hashtext($1)) as locked',
    [lock],
  );
  return locked;
}

/** Waits for the turn of another follower to end. Held until the transaction ends. */
export function lockFollower(tx: Transaction, lock: string): Promise<number> {
  return execute(tx, 'event_log.lock_follower', 'select pg_advisory_xact_lock(hashtext($1))', [lock]);
}
