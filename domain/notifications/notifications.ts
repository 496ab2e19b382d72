import type { Database, Queryable } from '../../platform/database/database';
import { pageIn, type Page, type PageRequest } from '../../platform/database/pages';
import { AppError } from '../../platform/errors';
import { localeOf } from '../identity/accounts/reach';
import type { Locale } from '../identity/accounts/types';
import { titleOf } from './letters';
import { countUnread, selectPage, setAllRead, setRead, type NotificationRow } from './queries';
import { kindsOf } from './rules';
import type { NotificationView, NotifiedPerson } from './types';

/** More than this that were not read are not counted. */
export const UNREAD_COUNTED = 1_000;

export interface Inbox extends Page<NotificationView> {
  /** How many were not read, at most `UNREAD_COUNTED`. */
  unread: number;
}

/**
 * A page of what somebody was told, newest first, in the language in which they are written to. Who does not work here any more does not
 * see what they were told as an operator.
 */
export async function readInbox(
  db: Database,
  person: NotifiedPerson,
  page: PageRequest & { unread: boolean },
): Promise<Inbox> {
  const readable = readableBy(person);
  const [rows, unread, locale] = await Promise.all([
    selectPage(db, { ...page, ...readable }),
    countUnread(db, readable, UNREAD_COUNTED),
    localeOf(db, person.userId),
  ]);
  return { ...pageIn(rows, page.limit, (row) => viewOf(row, locale)), unread };
}

function readableBy({ userId, role }: NotifiedPerson) {
  return { userId, kinds: kindsOf(role) };
}

function viewOf({ createdAtMicros: _, ...row }: NotificationRow, locale: Locale): NotificationView {
  const { kind, data, subject } = row;
  return { ...row, title: titleOf(kind, { locale, subjectId: subject.id, data }) };
}

/**
 * Marks a notification as read. Again it changes nothing.
 *
 * @throws AppError `NOTIFICATION_NOT_FOUND` where they have none with this id
 */
export async function markRead(on: Queryable, person: NotifiedPerson, id: string): Promise<NotificationView> {
  const row = await setRead(on, readableBy(person), id);
  if (!row) throw new AppError('NOTIFICATION_NOT_FOUND', 'You have no such notification.');
  return viewOf(row, await localeOf(on, person.userId));
}

/**
 * Marks as read what somebody has been told. Returns how many were not read before.
 *
 * @param upTo a notification: those that came after it stay; null: all
 */
export function markAllRead(on: Queryable, userId: string, upTo: string | null): Promise<number> {
  return setAllRead(on, userId, upTo);
}
