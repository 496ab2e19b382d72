import { z } from 'zod';
import { USER_ROLES, type UserRole } from '../../domain/identity/accounts/types';
import type { Principal } from '../../domain/identity/types';
import { reportBounce } from '../../domain/notifications/bounces';
import { markAllRead, markRead, readInbox } from '../../domain/notifications/notifications';
import { changePreferences, readPreferences } from '../../domain/notifications/preferences';
import type { NotifiedPerson } from '../../domain/notifications/types';
import { PEOPLE_ONLY, REPORT_BOUNCES } from '../http/access';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { asNotFound, problem } from '../http/problems';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { flag, idParams, newestCursor, pageQuery } from '../schemas/common';
import {
  bounce,
  inbox,
  markedRead,
  notification,
  preferenceChanges,
  preferences,
  readAll,
  reportedBounce,
} from '../schemas/notifications';
import type { ApiContext } from '../services/context';

const TAG = 'Notifications';
const PATH = `${API_BASE}/notifications`;
const PREFERENCES = `${API_BASE}/notification-preferences`;

/** What people are told, how they want to be told, and mails that came back. */
export function notificationRoutes({ db }: Pick<ApiContext, 'db'>): Route[] {
  return [...reading({ db }), ...preferring({ db }), ...bouncing({ db })];
}

function reading({ db }: Pick<ApiContext, 'db'>): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: PATH,
        access: PEOPLE_ONLY,
        tag: TAG,
        summary: 'What one was told, newest first, and how much of it was not read',
        query: z.strictObject({ ...pageQuery, cursor: newestCursor, unread: flag.optional() }),
        responses: { 200: { description: 'A page', schema: inbox } },
        problems: ['NOTIFICATION_NOT_OFFERED'],
      },
      async ({ principal, query: { cursor, unread = false, ...page } }) => {
        const found = await readInbox(db, personOf(principal), { ...page, unread, after: cursor });
        return okPage(found, { unread: found.unread });
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/{id}/read`,
        access: PEOPLE_ONLY,
        tag: TAG,
        summary: 'Mark a notification as read',
        params: idParams,
        responses: { 200: { description: 'The notification', schema: notification } },
        problems: ['NOTIFICATION_NOT_OFFERED'],
      },
      async ({ principal, params: { id } }) =>
        ok(
          await markRead(db, personOf(principal), id).catch(
            asNotFound('NOTIFICATION_NOT_FOUND', 'You have no such notification.'),
          ),
        ),
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/read`,
        access: PEOPLE_ONLY,
        tag: TAG,
        summary: 'Mark all notifications as read, or those up to one',
        body: readAll,
        bodyOptional: true,
        responses: { 200: { description: 'How many', schema: markedRead } },
        problems: ['NOTIFICATION_NOT_OFFERED'],
      },
      async ({ principal, body: { upTo } }) =>
        ok({ read: await markAllRead(db, personOf(principal).userId, upTo) }),
    ),
  ];
}

function preferring({ db }: Pick<ApiContext, 'db'>): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: PREFERENCES,
        access: PEOPLE_ONLY,
        tag: TAG,
        summary: 'What one is told of, and how',
        responses: { 200: { description: 'Every kind on every channel', schema: preferences } },
        problems: ['NOTIFICATION_NOT_OFFERED'],
      },
      async ({ principal }) => ok({ items: await readPreferences(db, personOf(principal)) }),
    ),
    route(
      {
        methods: ['put'],
        path: PREFERENCES,
        access: PEOPLE_ONLY,
        tag: TAG,
        summary: 'Change what one is told of, and how',
        description: 'What is not named stays. Mails about the safety of the account cannot be switched off.',
        body: preferenceChanges,
        responses: { 200: { description: 'Every kind on every channel, afterwards', schema: preferences } },
        problems: ['NOTIFICATION_FIXED', 'NOTIFICATION_NOT_OFFERED'],
      },
      async ({ principal, body: { items } }) =>
        ok({ items: await changePreferences(db, personOf(principal), items) }),
    ),
  ];
}

function bouncing({ db }: Pick<ApiContext, 'db'>): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/mail/bounces`,
        access: REPORT_BOUNCES,
        tag: TAG,
        summary: 'Report a mail that came back for good',
        description:
          'By what takes in the mail that servers send back. The address gets no more mail until its owner has another one, or confirms it anew. Again it changes nothing.',
        body: bounce,
        responses: { 200: { description: 'It is noted', schema: reportedBounce } },
        problems: ['NOT_FOUND'],
      },
      async ({ body, caller }) =>
        ok(
          await reportBounce(db, { ...body, actor: caller }).catch(
            asNotFound('MAIL_NOT_FOUND', 'No mail that was sent, and is still kept, has this Message-ID.'),
          ),
        ),
    ),
  ];
}

/** @throws AppError `NOTIFICATION_NOT_OFFERED` for keys of operators and admins: they are nobody who reads */
function personOf({ kind, id, role }: Principal): NotifiedPerson {
  if (kind !== 'user' || !isUserRole(role))
    throw problem(
      'NOTIFICATION_NOT_OFFERED',
      'Notifications are for people who have signed in; programs are told by webhooks.',
    );
  return { userId: id, role };
}

function isUserRole(role: string | null): role is UserRole {
  return USER_ROLES.some((each) => each === role);
}
