import { execute, maybeOne, type Queryable } from '../../../platform/database/database';

export interface TicketRow {
  kind: string;
  id: string;
  /** Of a token of an OpenID provider: what it gives, and until when, milliseconds since 1970. */
  role: string | null;
  until: number | null;
}

/** Those that have ended and were not used, removed with each that is made. */
const REMOVED_EACH = 10;

/** Good for so many seconds. Removes some of those that have ended. */
export async function insertTicket(
  on: Queryable,
  { hash, seconds, kind, id, role, until }: TicketRow & { hash: Buffer; seconds: number },
): Promise<void> {
  await execute(
    on,
    'live_tickets.insert',
    `with ended as (
       delete from live_tickets where token_hash = any (array(
         select token_hash from live_tickets where expires_at < clock_timestamp()
         order by expires_at limit ${REMOVED_EACH} for update skip locked))
     )
     insert into live_tickets (token_hash, credential_kind, credential_id, role, good_until, expires_at)
     values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000), clock_timestamp() + make_interval(secs => $6))`,
    [hash, kind, id, role, until, seconds],
  );
}

/** Uses a ticket: of two at the same time one does. */
export function takeTicket(on: Queryable, hash: Buffer): Promise<TicketRow | undefined> {
  return maybeOne<TicketRow>(
    on,
    'live_tickets.take',
    `delete from live_tickets where token_hash = $1 and expires_at > clock_timestamp()
     returning credential_kind as kind, credential_id as id, role, (extract(epoch from good_until) * 1000)::float8 as until`,
    [hash],
  );
}
