import { execute, many, type Database, type Queryable } from './database';
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
 * Changes the bodies of stored responses about something, of whatever callers: a repeat of their request gets what is left. It reads all keys,
 * a part at a time; there is no index for what is done this rarely.
 */
export async function changeResponses(
  db: Database,
  about: readonly ResponsesAbout[],
  change: (body: unknown) => unknown,
): Promise<void> {
  for (let after: KeyId | undefined = BEFORE_ALL; after; ) {
    const part: PartRow[] = await selectPart(db, after, about);
    for (const { caller, key, body } of part)
      if (body !== null) await setBody(db, { caller, key }, change(body));
    after = part.length > 0 && part.at(-1)?.isLast === false ? part.at(-1) : undefined;
  }
}

interface PartRow extends KeyId {
  /** Null of one that is not about it: the last that was looked at. */
  body: unknown;
  /** Nothing comes after it. */
  isLast: boolean;
}

function selectPart(on: Queryable, after: KeyId, about: readonly ResponsesAbout[]): Promise<PartRow[]> {
  return many<PartRow>(
    on,
    'idempotency.responses_about',
    `with part as materialized (
       select caller, key, case when exists (
           select from jsonb_array_elements($3::jsonb) a where a -> 'values' ? (k.body ->> (a ->> 'member'))) then body end as body
       from idempotency_keys k where (caller, key) > ($1, $2) order by caller, key limit $4
     ), ending as (select caller, key from part order by caller desc, key desc limit 1)
     select p.caller, p.key, p.body, (select count(*) from part) < $4 as "isLast"
     from part p where p.body is not null or (p.caller, p.key) = (select caller, key from ending)
     order by p.caller, p.key`,
    [after.caller, after.key, JSON.stringify(about), PART],
  );
}

async function setBody(on: Queryable, { caller, key }: KeyId, body: unknown): Promise<void> {
  await execute(
    on,
    'idempotency.set_body',
    `update idempotency_keys set body = $3 where caller = $1 and key = $2 and state = 'done'`,
    [caller, key, JSON.stringify(body)],
  );
}
