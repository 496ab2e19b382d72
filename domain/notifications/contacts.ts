import { validate } from 'uuid';
import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import { AppError } from '../../platform/errors';
import { recordChange } from '../audit/record';
import { activeAmong, hashOfAddress } from '../identity/accounts/reach';
import type { Mailer } from '../identity/accounts/types';
import { hashOfToken, newToken } from '../identity/secret-token';
import {
  clearContactMails,
  deleteContacts,
  deleteSuppression,
  insertContact,
  insertContactToken,
  lockOrderOfContact,
  selectContact,
  selectContactMailIds,
  selectOfToken,
  upsertContact,
  upsertSuppression,
} from './contact-queries';
import type { Contact, OrderContact } from './types';

/**
 * Refuses a contact for an order of somebody who has an account: they are written to where they have confirmed that the address is theirs.
 *
 * @throws AppError `CONTACT_NOT_TAKEN`
 */
export async function expectNoAccount(on: Queryable, customerId: string): Promise<void> {
  if (!validate(customerId)) return;
  if ((await activeAmong(on, [customerId])).has(customerId))
    throw new AppError(
      'CONTACT_NOT_TAKEN',
      'The customer has an account, and is written to at its address: leave the contact out.',
    );
}

/** Keeps where somebody is written to about an order that is about to be placed. Again it changes nothing. */
export async function keepContact(on: Queryable, orderId: string, contact: Contact): Promise<void> {
  await insertContact(on, orderId, withHash(contact));
}

/** Null: the order has none. */
export async function readContact(on: Queryable, orderId: string): Promise<OrderContact | null> {
  return (await selectContact(on, orderId)) ?? null;
}

/**
 * Gives an order another contact, which the mails get that are sent from now on.
 *
 * @param change.lifts the address is written to again, although it took no mail or its owner wanted none: who asks has talked to them
 * @throws AppError `UNKNOWN_ORDER`, `ORDER_ERASED`, `CONTACT_NOT_TAKEN`
 */
export function changeContact(
  db: Database,
  { orderId, contact, actor, lifts }: { orderId: string; contact: Contact; actor: string; lifts: boolean },
): Promise<OrderContact> {
  return db.retrying(async (tx) => {
    const order = await lockOrderOfContact(tx, orderId);
    if (!order) throw new AppError('UNKNOWN_ORDER', 'There is no such order.');
    if (order.isErased) throw new AppError('ORDER_ERASED', 'The customer of the order was erased.');
    await expectNoAccount(tx, order.customerId);
    const row = withHash(contact);
    await upsertContact(tx, orderId, row);
    if (lifts) await deleteSuppression(tx, row.addressHash);
    // Not the address, which is personal.
    await recordChange(tx, {
      actor,
      action: 'order.contact_changed',
      subject: { type: 'order', id: orderId },
      after: { locale: contact.locale },
    });
    const kept = await selectContact(tx, orderId);
    if (!kept) throw new Error(`the contact of ${orderId} was just written, and is not there`);
    return kept;
  });
}

/** Forgets where somebody is written to about an order: nothing more is sent. Returns whether there was a contact. */
export function removeContact(
  db: Database,
  { orderId, actor }: { orderId: string; actor: string },
): Promise<boolean> {
  return db.retrying(async (tx) => {
    if (!(await eraseContactsOf(tx, [orderId]))) return false;
    await recordChange(tx, {
      actor,
      action: 'order.contact_removed',
      subject: { type: 'order', id: orderId },
      before: { contact: true },
    });
    await enqueue(tx, [{ topic: 'contact-mails.withdraw', key: orderId }]);
    return true;
  });
}

/** Forgets the contacts of these orders, and what servers said of them. Returns whether there were any. */
export async function eraseContactsOf(tx: Transaction, orderIds: readonly string[]): Promise<boolean> {
  const removed = await deleteContacts(tx, orderIds);
  await clearContactMails(tx, orderIds);
  return removed.length > 0;
}

/** Removes mails to contacts of these orders from where they lie. @param mailer null: none are anywhere */
export async function withdrawContactMails(
  db: Database,
  mailer: Mailer | null,
  orderIds: readonly string[],
): Promise<void> {
  if (mailer === null) return;
  for (const { id } of await selectContactMailIds(db, orderIds)) await mailer.withdraw(id);
}

/** A token by which who gets a mail about an order ends such mails; null: the contact was erased meanwhile. */
export async function newUnsubscribeToken(on: Queryable, orderId: string): Promise<string | null> {
  const { token, hash } = newToken();
  return (await insertContactToken(on, orderId, hash)) > 0 ? token : null;
}

/**
 * Ends mails about orders to the address that got a mail, of all orders that have it as their contact. Again it changes nothing.
 *
 * @throws AppError `MAIL_TOKEN_INVALID` where the token is of no mail, or the contact of its order was erased
 */
export async function unsubscribe(
  db: Database,
  { token, actor }: { token: string; actor: string },
): Promise<void> {
  const hash = hashOfToken(token);
  await db.retrying(async (tx) => {
    const found = hash && (await selectOfToken(tx, hash));
    if (!found) throw new AppError('MAIL_TOKEN_INVALID', 'The token is of no mail that is known here.');
    if ((await upsertSuppression(tx, found.addressHash, 'unsubscribed')) > 0)
      await recordChange(tx, {
        actor,
        action: 'order.contact_unsubscribed',
        subject: { type: 'order', id: found.orderId },
        after: { unsubscribed: true },
      });
  });
}

/** Notes that an address takes no mail. Returns whether it was not known. */
export async function suppressBounced(tx: Transaction, addressHash: Buffer): Promise<boolean> {
  return (await upsertSuppression(tx, addressHash, 'bounced')) > 0;
}

function withHash(contact: Contact): Contact & { addressHash: Buffer } {
  return { ...contact, addressHash: hashOfAddress(contact.email) };
}
