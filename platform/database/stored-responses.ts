import { execute, type Database } from './database';

/** Keys that one statement deletes, and ids that one looks for. */
const PART = 2_000;

/** Forgets all keys of a caller who makes no request any more, with the responses that are stored under them. */
export async function forgetKeysOf(db: Database, caller: string): Promise<void> {
  let deleted: number;
  do {
    deleted = await execute(
      db,
      'idempotency.forget_caller',
      `delete from idempotency_keys where ctid = any (array(select ctid from idempotency_keys where caller = $1 limit $2))`,
      [caller, PART],
    );
  } while (deleted === PART);
}

/**
 * Takes out of stored responses, of whatever callers, what tells of a person: a repeat of their request gets the rest. Those whose body
 * has, at its top, one of these ids: as `orderId`, or as `id` where it has no `orderId`.
 */
export async function eraseResponses(db: Database, ids: readonly string[]): Promise<void> {
  for (let from = 0; from < ids.length; from += PART)
    await execute(
      db,
      'idempotency.erase_responses',
      `update idempotency_keys set body = without_personal_members(body)
       where coalesce(body ->> 'orderId', body ->> 'id') = any ($1::text[]) and body <> without_personal_members(body)`,
      [ids.slice(from, from + PART)],
    );
}
