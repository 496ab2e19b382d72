import type { Database, Queryable } from '../../platform/database/database';
import { pageIn, type Page } from '../../platform/database/pages';
import { AppError } from '../../platform/errors';
import { localeOf } from '../identity/accounts/reach';
import type { Locale } from '../identity/accounts/types';
import { titleOf } from './letters';
import {
  countUnread,
  selectPage,
  setAllRead,
  setRead,
  type NotificationFilter,
  type NotificationRow,
} from './queries';
import type { NotificationView } from './types';

/** More than this that were not read are not counted. */
export const UNREAD_COUNTED = 1_000;

export interface Inbox extends Page<NotificationView> {
  /** How many were not read, at most `UNREAD_COUNTED`. */
  unread: number;
}

/** A page of what somebody was told, newest first, in the language in which they are written to. */
export async function readInbox(db: Database, filter: NotificationFilter): Promise<Inbox> {
  const { userId, limit } = filter;
  const [rows, unread, locale] = await Promise.all([
    selectPage(db, filter),
    countUnread(db, userId, UNREAD_COUNTED),
    localeOf(db, userId),
  ]);
  return { ...pageIn(rows, limit, (row) => viewOf(row, locale)), unread };
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
export async function markRead(on: Queryable, userId: string, id: string): Promise<NotificationView> {
  const row = await setRead(on, userId, id);
  if (!row) throw new AppError('NOTIFICATION_NOT_FOUND', 'You have no such notification.');
  return viewOf(row, await localeOf(on, userId));
}

/**
 * Marks as read what somebody has been told. Returns how many were not read before.
 *
 * @param upTo a notification: those that came after it stay; null: all
 */
export function markAllRead(on: Queryable, userId: string, upTo: string | null): Promise<number> {
  return setAllRead(on, userId, upTo);
}
