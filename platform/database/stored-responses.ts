import { execute, maybeOne, type Database, type Queryable } from './database';
import type { KeyId } from './idempotency';

/** Keys that one statement looks at. */
const PART = 2_000;
const BEFORE_ALL: KeyId = { caller: '', key: '' };

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

/** Which stored responses: those whose body has, at its top, one of these values in the member. */
export interface ResponsesAbout {
  member: string;
  values: readonly string[];
}

/**
 * Takes out of stored responses about something, of whatever callers, what tells of a person: a repeat of their request gets the rest. It
 * reads all keys, a part at a time; there is no index for what is done this rarely.
 */
export async function eraseResponses(db: Database, about: readonly ResponsesAbout[]): Promise<void> {
  for (let after: KeyId | undefined = BEFORE_ALL; after;) after = await erasePart(db, after, about);
}

/** Returns the last key that was looked at; undefined: there are no more. */
function erasePart(
  on: Queryable,
  after: KeyId,
  about: readonly ResponsesAbout[],
): Promise<KeyId | undefined> {
  return maybeOne<KeyId>(
    on,
    'idempotency.erase_responses',
    `with part as materialized (
       select caller, key, exists (
           select from jsonb_array_elements($3::jsonb) a where a -> 'values' ? (k.body ->> (a ->> 'member'))) as is_about
       from idempotency_keys k where (caller, key) > ($1, $2) order by caller, key limit $4
     ), erased as (
       update idempotency_keys k set body = without_personal_members(k.body)
       from part p where p.is_about and (k.caller, k.key) = (p.caller, p.key)
     )
     select caller, key from part order by caller desc, key desc limit 1`,
    [after.caller, after.key, JSON.stringify(about), PART],
  );
}
