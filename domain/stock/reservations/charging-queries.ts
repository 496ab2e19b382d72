import { execute, type Transaction } from '../../../platform/database/database';

/** `pending` to `charging`, unless it is past due; returns how many changed. */
export function updateToCharging(tx: Transaction, reservationId: string): Promise<number> {
  return execute(
    tx,
    'reservations.begin_charging',
    `update reservations set status = 'charging', attempt = attempt + 1, updated_at = clock_timestamp()
     where id = $1 and status = 'pending' and expires_at > clock_timestamp()`,
    [reservationId],
  );
}

/** `charging` to `pending`; a later part that was charged for the first time falls due in `holdSeconds`. */
export function updateToPending(
  tx: Transaction,
  reservationId: string,
  holdSeconds: number,
): Promise<number> {
  return execute(
    tx,
    'reservations.end_charging',
    `update reservations
     set status = 'pending', updated_at = clock_timestamp(),
         expires_at = case when seq > 1 and attempt = 1 then clock_timestamp() + make_interval(secs => $2) else expires_at end
     where id = $1 and status = 'charging'`,
    [reservationId, holdSeconds],
  );
}

/** Of one that is not past due; returns how many changed. */
export function updateAttempt(tx: Transaction, reservationId: string): Promise<number> {
  return execute(
    tx,
    'reservations.continue_charging',
    `update reservations set attempt = attempt + 1, updated_at = clock_timestamp() where id = $1 and status = 'charging' and expires_at > clock_timestamp()`,
    [reservationId],
  );
}
