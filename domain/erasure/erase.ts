import { AppError } from '../../platform/errors';
import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { enqueue, enqueueOnce } from '../../platform/database/outbox';
import { eraseResponses, forgetKeysOf } from '../../platform/database/stored-responses';
import { eraseStaffNotesOf } from '../administration/erase';
import { erasePersonal } from '../audit/erase';
import { recordChange } from '../audit/record';
import { eraseAccount, forgetMails, withdrawMails } from '../identity/accounts/erase';
import type { Mailer } from '../identity/accounts/types';
import { unlink } from '../identity/linked/erase';
import { forgetSessions } from '../identity/sessions/sessions';
import { ACCESS_TOKEN_SECONDS } from '../identity/signing/signing-keys';
import { eraseParcelsOf } from '../fulfilment/erase';
import { eraseAmendmentsOf } from '../ordering/amendments/erase';
import { eraseContactsOf, withdrawContactMails } from '../notifications/contacts';
import { forgetNotifications, forgetSentMails, withdrawNotifications } from '../notifications/erase';
import { eraseCutsOf } from '../ordering/cuts/erase';
import { eraseCustomerOf, eraseLaterEventsOf } from '../orders/erase';
import { erasePaymentsOf } from '../payments/erase';
import { eraseNotesOf } from '../stock/alerts/erase';
import { eraseReturnsOf } from '../warehousing/returns/erase';
import { eraseAnswersOf } from '../webhooks/erase';
import {
  countErased,
  findErasedOrder,
  findErasure,
  hasOrdersLeft,
  insertErasure,
  secondsSince,
  selectErasable,
  selectIdsOf,
  selectIdsOfOrder,
  selectUnfinished,
  setFinished,
} from './queries';
import type { Erasure } from './types';

/**
 * So long after the request nothing comes of it any more that was under way: access tokens have ended, with the clocks' difference, and
 * requests that were made with them at their last moment.
 */
const LATE_SECONDS = ACCESS_TOKEN_SECONDS + 300;
/** How long is waited where an order that came late is still open. */
const OPEN_AGAIN_SECONDS = 3_600;
/** And where one has ended meanwhile. */
const AGAIN_SECONDS = 1;
/** After which the orders of a transaction are looked at again. */
const LATER_SECONDS = 60;
/** Orders of one transaction. */
const ORDERS_AT_ONCE = 100;
/** Orders that a refusal names. */
const NAMED_ORDERS = 10;

/** How far somebody's erasure has come; undefined: nobody asked for it. */
export function readErasure(on: Queryable, userId: string): Promise<Erasure | undefined> {
  return findErasure(on, userId);
}

/**
 * Erases somebody: account, sign-ins and sessions at once, in one transaction that also leaves the rest to `continueErasure`. Again it
 * changes nothing.
 *
 * @returns how far it has come
 * @throws AppError `ORDERS_OPEN` while something of their orders is to be done, which needs their address; `UNKNOWN_USER`, `LAST_ADMIN`
 */
export async function beginErasure(db: Database, userId: string, requestedBy: string): Promise<Erasure> {
  return db.retrying(async (tx) => {
    const before = await findErasure(tx, userId);
    if (before) return before;
    const { wasDisabled } = await eraseAccount(tx, userId);
    // Of another request, which had the account's lock until now.
    const meanwhile = await findErasure(tx, userId);
    if (meanwhile) return meanwhile;
    await expectNoneOpen(tx, userId);
    await unlink(tx, userId, { refuse: wasDisabled });
    await forgetSessions(tx, userId);
    await insertErasure(tx, userId, requestedBy);
    await enqueue(tx, [{ topic: 'user.erase', key: userId }]);
    await recordChange(tx, {
      actor: requestedBy,
      action: 'user.erased',
      subject: { type: 'user', id: userId },
    });
    const begun = await findErasure(tx, userId);
    if (!begun) throw new Error(`the erasure of ${userId} was just written, and is not there`);
    return begun;
  });
}

async function expectNoneOpen(tx: Transaction, userId: string): Promise<void> {
  const open = await selectUnfinished(tx, userId, NAMED_ORDERS + 1);
  if (open.length === 0) return;
  const orders = open.slice(0, NAMED_ORDERS).map(({ id }) => id);
  const more = open.length > NAMED_ORDERS ? ' and more' : '';
  throw new AppError(
    'ORDERS_OPEN',
    `Something of these orders is still to be done: ${orders.join(', ')}${more}. Cancel them, or wait until they have ended.`,
    { orders },
  );
}

/**
 * Erases what is left of somebody whose erasure was begun: their orders, mails, stored responses and what webhooks' receivers have answered. It goes on where another run, which
 * may have died, has ended, and comes again until nothing can come any more of what was under way.
 *
 * @param lateSeconds for tests: less than `LATE_SECONDS`
 */
export async function continueErasure(
  { db, mailer, lateSeconds = LATE_SECONDS }: { db: Database; mailer: Mailer | null; lateSeconds?: number },
  userId: string,
): Promise<void> {
  const since = await secondsSince(db, userId);
  if (since === null) return;
  while (await erasePart(db, userId));
  await forgetKeysOf(db, `user:${userId}`);
  const ids = (await selectIdsOf(db, userId)).map(({ id }) => id);
  await eraseResponses(db, ids);
  await eraseAnswersOf(db, ids);
  await withdrawMails(db, mailer, userId);
  await withdrawNotifications(db, mailer, userId);
  await withdrawContactMails(db, mailer, ids);
  await db.retrying(async (tx) => {
    await erasePersonal(tx, `user:${userId}`);
    await forgetNotifications(tx, userId);
    const isOver = since > lateSeconds;
    if (isOver && !(await hasOrdersLeft(tx, userId))) {
      await forgetSentMails(tx, userId);
      await forgetMails(tx, userId);
      await setFinished(tx, userId);
      return;
    }
    // What has ended while this run went on is erased by the next one.
    const hasEnded = (await selectErasable(tx, userId, 1)).length > 0;
    const whileOpen = hasEnded ? AGAIN_SECONDS : OPEN_AGAIN_SECONDS;
    const seconds = isOver ? whileOpen : lateSeconds - since + 1;
    await enqueue(tx, [{ topic: 'user.erase', key: userId }], seconds);
  });
}

/** Returns whether there may be more. */
function erasePart(db: Database, userId: string): Promise<boolean> {
  return db.retrying(async (tx) => {
    const ids = (await selectErasable(tx, userId, ORDERS_AT_ONCE)).map(({ id }) => id);
    if (ids.length === 0) return false;
    await eraseTexts(tx, ids);
    const erased = await eraseCustomerOf(tx, ids);
    await countErased(tx, userId, erased.length);
    // What others wrote in the moments before the orders were locked.
    await enqueue(
      tx,
      erased.map((id) => ({ topic: 'order.erase', key: id })),
      LATER_SECONDS,
    );
    return ids.length === ORDERS_AT_ONCE && erased.length > 0;
  });
}

/** What is kept about orders beside their own rows, in the order in which all lock; orders come last. */
async function eraseTexts(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await eraseReturnsOf(tx, orderIds);
  await eraseAmendmentsOf(tx, orderIds);
  await eraseCutsOf(tx, orderIds);
  await eraseParcelsOf(tx, orderIds);
  await erasePaymentsOf(tx, orderIds);
  await eraseNotesOf(tx, orderIds);
  await eraseStaffNotesOf(tx, orderIds);
  await eraseContactsOf(tx, orderIds);
}

/**
 * Erases what was written about an order since it was erased: why goods come back, why money goes back, what a bank or carrier says. While
 * something of it is to be done that is needed, and it is tried again. Of an order that was not erased it does nothing.
 */
export async function eraseAgain(db: Database, orderId: string): Promise<void> {
  const isDone = await db.retrying(async (tx) => {
    const order = await findErasedOrder(tx, orderId);
    if (!order) return false;
    if (order.isUnfinished) {
      await enqueueOnce(tx, { topic: 'order.erase', key: orderId }, OPEN_AGAIN_SECONDS);
      return false;
    }
    await eraseTexts(tx, [orderId]);
    await eraseLaterEventsOf(tx, [orderId]);
    return true;
  });
  if (!isDone) return;
  const ids = (await selectIdsOfOrder(db, orderId)).map(({ id }) => id);
  await eraseResponses(db, ids);
  await eraseAnswersOf(db, [orderId]);
}
