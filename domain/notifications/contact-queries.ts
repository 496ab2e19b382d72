import { execute, many, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { utc } from '../../platform/database/pages';
import type { Locale } from '../identity/accounts/types';
import { CONTACT_MAILS_AN_HOUR } from './rules';
import type { Contact, OrderContact, SuppressionCause } from './types';

type ContactRow = Contact & { addressHash: Buffer };

/** The first one stays: a request that comes again changes nothing. */
export function insertContact(
  on: Queryable,
  orderId: string,
  { email, locale, addressHash }: ContactRow,
): Promise<number> {
  return execute(
    on,
    'order_contacts.insert',
    `insert into order_contacts (order_id, email, locale, address_hash) values ($1, $2, $3, $4)
     on conflict (order_id) do nothing`,
    [orderId, email, locale, addressHash],
  );
}

export async function upsertContact(
  tx: Transaction,
  orderId: string,
  { email, locale, addressHash }: ContactRow,
): Promise<void> {
  await execute(
    tx,
    'order_contacts.upsert',
    `insert into order_contacts (order_id, email, locale, address_hash) values ($1, $2, $3, $4)
     on conflict (order_id) do update set email = excluded.email, locale = excluded.locale, address_hash = excluded.address_hash`,
    [orderId, email, locale, addressHash],
  );
}

export function selectContact(on: Queryable, orderId: string): Promise<OrderContact | undefined> {
  return maybeOne<OrderContact & Record<string, unknown>>(
    on,
    'order_contacts.find',
    `select c.order_id as "orderId", c.email, c.locale,
       case when s.cause is not null then json_build_object('cause', s.cause, 'since', ${utc('s.created_at')}) end as suppressed
     from order_contacts c left join mail_suppressions s on s.address_hash = c.address_hash where c.order_id = $1`,
    [orderId],
  );
}

/** Undefined: there is none, it takes no mail, its owner wants none, or it got as many within the hour as it may. */
export function selectContactReach(
  on: Queryable,
  orderId: string,
): Promise<{ email: string; locale: Locale } | undefined> {
  return maybeOne<{ email: string; locale: Locale }>(
    on,
    'order_contacts.reach',
    `select c.email, c.locale from order_contacts c
     where c.order_id = $1 and not exists (select from mail_suppressions s where s.address_hash = c.address_hash)
       and (select count(*) from (
         select from mails m where m.user_id is null and m.address_hash = c.address_hash
           and m.created_at > clock_timestamp() - interval '1 hour' limit $2) tried) < $2`,
    [orderId, CONTACT_MAILS_AN_HOUR],
  );
}

/** The order's customer, where the order is there and was not erased; its row is locked. */
export function lockOrderOfContact(
  tx: Transaction,
  orderId: string,
): Promise<{ customerId: string; isErased: boolean } | undefined> {
  return maybeOne<{ customerId: string; isErased: boolean }>(
    tx,
    'order_contacts.lock_order',
    `select customer_id as "customerId", erased_at is not null as "isErased" from orders where id = $1 for no key update`,
    [orderId],
  );
}

/** Returns those that had one. The tokens of their mails go with it. */
export function deleteContacts(tx: Transaction, orderIds: readonly string[]): Promise<{ orderId: string }[]> {
  return many<{ orderId: string }>(
    tx,
    'order_contacts.delete',
    `delete from order_contacts where order_id = any ($1::uuid[]) returning order_id as "orderId"`,
    [orderIds],
  );
}

/** What servers answered to mails to the contacts of these orders has addresses. */
export async function clearContactMails(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'mails.clear_contacts',
    `update mails set answer = null, address_hash = null
     where user_id is null and subject_id = any ($1::text[]) and (answer is not null or address_hash is not null)`,
    [orderIds],
  );
}

export function selectContactMailIds(on: Queryable, orderIds: readonly string[]): Promise<{ id: string }[]> {
  return many<{ id: string }>(
    on,
    'mails.of_contacts',
    'select id from mails where user_id is null and subject_id = any ($1::text[])',
    [orderIds],
  );
}

/** None where the contact was erased meanwhile. */
export function insertContactToken(on: Queryable, orderId: string, hash: Buffer): Promise<number> {
  return execute(
    on,
    'contact_tokens.insert',
    `insert into contact_tokens (token_hash, order_id)
     select $2, order_id from order_contacts where order_id = $1 for key share`,
    [orderId, hash],
  );
}

/** Whose mails a token ends. */
export function selectOfToken(
  on: Queryable,
  hash: Buffer,
): Promise<{ orderId: string; addressHash: Buffer } | undefined> {
  return maybeOne<{ orderId: string; addressHash: Buffer }>(
    on,
    'contact_tokens.find',
    `select c.order_id as "orderId", c.address_hash as "addressHash"
     from contact_tokens t join order_contacts c on c.order_id = t.order_id where t.token_hash = $1`,
    [hash],
  );
}

/** That its owner wants none outlasts that it took none. Returns how many rows are another. */
export function upsertSuppression(
  tx: Transaction,
  addressHash: Buffer,
  cause: SuppressionCause,
): Promise<number> {
  return execute(
    tx,
    'mail_suppressions.upsert',
    `insert into mail_suppressions (address_hash, cause) values ($1, $2)
     on conflict (address_hash) do update set cause = excluded.cause, created_at = excluded.created_at
     where excluded.cause = 'unsubscribed' and mail_suppressions.cause <> 'unsubscribed'`,
    [addressHash, cause],
  );
}

export function deleteSuppression(tx: Transaction, addressHash: Buffer): Promise<number> {
  return execute(tx, 'mail_suppressions.delete', 'delete from mail_suppressions where address_hash = $1', [
    addressHash,
  ]);
}
