import { validate } from 'uuid';
import type { Database, Transaction } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import { AppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { readBounds, readEvents } from '../events/read';
import type { StreamEvent } from '../events/types';
import { EVERYTHING } from '../events/visibility';
import { giveUpMail, readerOfMail } from '../identity/accounts/mails';
import { activeAmong, activeStaff } from '../identity/accounts/reach';
import {
  existsUnseen,
  insertAccountMail,
  insertMails,
  insertNotifications,
  lockHead,
  moveHead,
  countStaffMails,
  selectOrders,
} from './plan-queries';
import { choicesOf } from './preferences';
import {
  customerKindOf,
  dataOf,
  isStaffKind,
  isStale,
  isUsual,
  NOTIFIED_TYPES,
  STAFF_MAILS_AN_HOUR,
  staffKindOf,
} from './rules';
import { STAFF_KINDS, type Told } from './types';

export { selectBehindSeconds as notificationsBehindSeconds } from './plan-queries';

/** Events of one transaction. */
const EVENTS_AT_ONCE = 200;

export interface Planned {
  /** Events that were looked at for somebody who is to be told. */
  events: number;
  hasMore: boolean;
}

const NOTHING: Planned = { events: 0, hasMore: false };

/**
 * Tells people of the next events: writes what they see in the API and the mails that they are to get, in one transaction with the position
 * that was come to, so that each event is told once. One process at a time; another that comes meanwhile does nothing.
 *
 * @param sendsMail false: no mailer is set up, and no mails are planned, which would come together on the day there is one
 */
export async function planNotifications(
  db: Database,
  { sendsMail }: { sendsMail: boolean },
): Promise<Planned> {
  if (!(await existsUnseen(db))) return NOTHING;
  return db.retrying(async (tx) => {
    const head = await lockHead(tx);
    if (!head) return NOTHING;
    const { oldest, newest } = await readBounds(tx);
    // What is kept no more nobody can be told of.
    const after = Math.max(head.position, oldest - 1);
    if (after >= newest) return NOTHING;
    const page = await readEvents(tx, {
      after,
      types: NOTIFIED_TYPES,
      limit: EVENTS_AT_ONCE,
      visible: EVERYTHING,
    });
    await tell(tx, page.items, sendsMail);
    await moveHead(tx, page.after);
    return { events: page.items.length, hasMore: !page.atEnd };
  });
}

async function tell(tx: Transaction, events: readonly StreamEvent[], sendsMail: boolean): Promise<void> {
  const told = [...(await customersOf(tx, events)), ...(await staffOf(tx, events))];
  if (told.length === 0) return;
  const people = told.filter(isOfPerson);
  const chosen = await choicesOf(tx, [...new Set(people.map(({ userId }) => userId))]);
  const wantsMail = ({ userId, kind }: Told) =>
    userId === null ? isUsual(kind, 'email') : chosen(userId, kind, 'email');
  const stale = new Set(events.filter(({ at }) => isStale(at)).map(({ position }) => position));
  const shown = people.filter(({ userId, kind }) => chosen(userId, kind, 'in_app'));
  const mailed = await withinTheHour(
    tx,
    told.filter((one) => sendsMail && !stale.has(one.position) && wantsMail(one)),
  );
  const withIds = <Row extends Told>(rows: readonly Row[]) => rows.map((row) => ({ ...row, id: newId() }));
  if (shown.length > 0) await insertNotifications(tx, withIds(shown));
  if (mailed.length === 0) return;
  await insertMails(tx, withIds(mailed));
  await enqueue(tx, [{ topic: 'mails.ready', key: '' }]);
}

type PersonTold = Told & { userId: string };

function isOfPerson(told: Told): told is PersonTold {
  return told.userId !== null;
}

/** Customers of orders who have an account, and the contacts of orders of others. */
async function customersOf(tx: Transaction, events: readonly StreamEvent[]): Promise<Told[]> {
  const ofOrders = events.filter(({ type, data }) => customerKindOf(type, data) !== undefined);
  if (ofOrders.length === 0) return [];
  const orders = await selectOrders(tx, [...new Set(ofOrders.map(({ subject }) => subject.id))]);
  const people = await activeAmong(tx, [
    ...new Set(orders.map(({ customerId }) => customerId).filter((id) => validate(id))),
  ]);
  const byId = new Map(orders.map((order) => [order.id, order]));
  return ofOrders.flatMap(({ type, position, subject, data }): Told[] => {
    const order = byId.get(subject.id);
    const kind = customerKindOf(type, data);
    if (!order || !kind) return [];
    const hasAccount = people.has(order.customerId);
    if (!hasAccount && !order.hasContact) return [];
    if (kind === 'order_placed' && order.isRefused) return [];
    // They are told that all of it was.
    if (kind === 'order_partly_cancelled' && (order.isRefused || order.isCancelled)) return [];
    const userId = hasAccount ? order.customerId : null;
    return [{ userId, kind, position, subject, data: dataOf(type, data) }];
  });
}

async function staffOf(tx: Transaction, events: readonly StreamEvent[]): Promise<PersonTold[]> {
  const found = events.flatMap((event) => {
    const kind = staffKindOf(event.type, event.data);
    return kind === undefined ? [] : [{ event, kind }];
  });
  if (found.length === 0) return [];
  const staff = await activeStaff(tx);
  return found.flatMap(({ event: { type, position, subject, data }, kind }) =>
    staff.map((userId) => ({ userId, kind, position, subject, data: dataOf(type, data) })),
  );
}

/**
 * Leaves out mails to who works here beyond `STAFF_MAILS_AN_HOUR` of a kind: what makes one order need a person may make thousands, and the
 * customers' mails would wait behind them. The last one says so.
 */
async function withinTheHour(tx: Transaction, mailed: readonly Told[]): Promise<Told[]> {
  const ofStaff = mailed.filter(isOfPerson).filter(({ kind }) => isStaffKind(kind));
  const staff = [...new Set(ofStaff.map(({ userId }) => userId))];
  if (staff.length === 0) return [...mailed];
  const key = ({ userId, kind }: Pick<Told, 'userId' | 'kind'>) => `${userId} ${kind}`;
  const counts = new Map(
    (await countStaffMails(tx, staff, STAFF_KINDS)).map((row) => [key(row), row.count] as const),
  );
  return mailed.flatMap((one): Told[] => {
    if (!isStaffKind(one.kind)) return [one];
    const count = (counts.get(key(one)) ?? 0) + 1;
    counts.set(key(one), count);
    if (count > STAFF_MAILS_AN_HOUR) return [];
    return [count < STAFF_MAILS_AN_HOUR ? one : { ...one, data: { ...one.data, isLast: true } }];
  });
}

/**
 * Has a mail about an account sent, once.
 *
 * @throws AppError `MAIL_NOT_SET_UP` where there is no mailer: the message waits for one
 */
export async function planAccountMail(
  db: Database,
  mailId: string,
  { sendsMail }: { sendsMail: boolean },
): Promise<void> {
  const userId = await readerOfMail(db, mailId);
  // Else it would wait for a mailer, and be kept, for ever.
  if (userId === null) return db.retrying((tx) => giveUpMail(tx, mailId));
  if (!sendsMail)
    throw new AppError('MAIL_NOT_SET_UP', 'Mails about accounts wait: set SMTP_URL or MAIL_FOLDER.');
  await db.retrying(async (tx) => {
    if ((await insertAccountMail(tx, mailId, userId)) > 0)
      await enqueue(tx, [{ topic: 'mails.ready', key: '' }]);
  });
}
