import { z } from 'zod';
import { LOCALES } from '../../domain/identity/accounts/types';
import {
  CHANNELS,
  NOTIFICATION_KINDS,
  NOTIFIED_MAIL_KINDS,
  SUPPRESSION_CAUSES,
} from '../../domain/notifications/types';
import { UNREAD_COUNTED } from '../../domain/notifications/notifications';
import { count, line, pageOf, time, uuid } from './common';

export const notification = z
  .object({
    id: uuid,
    kind: z.enum(NOTIFICATION_KINDS),
    title: z.string().meta({ description: 'What it says, in the language of its reader' }),
    subject: z.object({ type: z.string(), id: z.string() }).meta({
      description: 'What it is about: an `order`, or an `alert`',
    }),
    data: z
      .looseObject({ type: z.string().meta({ description: 'Of the event that it tells of' }) })
      .meta({ description: 'Members of the event, such as `amountMinor`, `carrier`, `trackingNumber`' }),
    createdAt: time,
    readAt: time.nullable(),
  })
  .meta({ id: 'Notification' });

export const inbox = pageOf('NotificationPage', notification)
  .extend({
    unread: count.meta({ description: `How many were not read; ${UNREAD_COUNTED}: that many or more` }),
  })
  .meta({ id: 'Inbox' });

export const readAll = z
  .strictObject({
    upTo: uuid.nullable().default(null).meta({
      description: 'A notification: those that came after it stay. Null: all',
    }),
  })
  .default({ upTo: null });

export const markedRead = z
  .object({ read: count.meta({ description: 'How many were not read before' }) })
  .meta({ id: 'NotificationsRead' });

const kind = z
  .enum(NOTIFIED_MAIL_KINDS)
  .meta({ description: '`account`: mails about the safety of the account' });
const channel = z.enum(CHANNELS);

export const preferences = z
  .object({
    items: z.array(
      z.object({
        kind,
        channel,
        enabled: z.boolean(),
        isFixed: z.boolean().meta({ description: 'It cannot be changed' }),
      }),
    ),
  })
  .meta({ id: 'NotificationPreferences' });

export const preferenceChanges = z
  .strictObject({
    items: z
      .array(z.strictObject({ kind, channel, enabled: z.boolean() }))
      .min(1)
      .max(100)
      .refine((items) => new Set(items.map((item) => `${item.kind} ${item.channel}`)).size === items.length, {
        error: 'must name each kind and channel once',
      }),
  })
  .meta({ id: 'NotificationPreferenceChanges', description: 'What is not named stays.' });

export const orderContact = z
  .object({
    orderId: uuid,
    email: z.string(),
    language: z.enum(LOCALES),
    suppressed: z
      .object({ cause: z.enum(SUPPRESSION_CAUSES), since: time })
      .nullable()
      .meta({
        description: 'Why no mails about orders go to this address: it takes none, or its owner wants none',
      }),
  })
  .meta({ id: 'OrderContact' });

export const unsubscription = z
  .strictObject({ token: line(200).meta({ description: 'Of a mail about an order' }) })
  .meta({ id: 'Unsubscription' });

export const bounce = z
  .strictObject({
    messageId: line(500).meta({ description: 'The Message-ID of the mail, as it was sent' }),
    reason: line(500).meta({ description: 'What the server said' }),
  })
  .meta({ id: 'Bounce' });

export const reportedBounce = z
  .object({
    marked: z.boolean().meta({
      description: 'False: its reader has another address by now, or it was marked before',
    }),
  })
  .meta({ id: 'ReportedBounce' });
