import type { Database, Queryable } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { isUsual, kindsOf } from './rules';
import { selectChosen, upsertChosen } from './queries';
import {
  CHANNELS,
  SECURITY_KIND,
  type Channel,
  type NotificationKind,
  type NotifiedPerson,
  type Preference,
  type PreferenceChange,
} from './types';

/** Of what these people are told, and how: as they have said, or else as is usual. */
export async function choicesOf(
  on: Queryable,
  userIds: readonly string[],
): Promise<(userId: string, kind: NotificationKind, channel: Channel) => boolean> {
  const rows = await selectChosen(on, userIds);
  const key = (...parts: readonly string[]) => parts.join(' ');
  const chosen = new Map(
    rows.map(({ userId, kind, channel, enabled }) => [key(userId, kind, channel), enabled]),
  );
  return (userId, kind, channel) => chosen.get(key(userId, kind, channel)) ?? isUsual(kind, channel);
}

/** What somebody is told of, and how: every kind that is for their role, on every channel that it has. */
export async function readPreferences(
  on: Queryable,
  { userId, role }: NotifiedPerson,
): Promise<Preference[]> {
  const wants = await choicesOf(on, [userId]);
  const security: Preference = { kind: SECURITY_KIND, channel: 'email', enabled: true, isFixed: true };
  const others = kindsOf(role).flatMap((kind) =>
    CHANNELS.map((channel) => ({
      kind,
      channel,
      enabled: wants(userId, kind, channel),
      isFixed: false,
    })),
  );
  return [security, ...others];
}

/**
 * Changes what somebody is told of; what is not named stays.
 *
 * @param changes each kind and channel once
 * @throws AppError `NOTIFICATION_FIXED` for mails of the account's safety, `NOTIFICATION_NOT_OFFERED` for what is not for their role
 */
export async function changePreferences(
  db: Database,
  person: NotifiedPerson,
  changes: readonly PreferenceChange[],
): Promise<Preference[]> {
  for (const { kind, channel, enabled } of changes) {
    if (kind === SECURITY_KIND) {
      if (channel === 'email' && enabled) continue;
      throw new AppError(
        'NOTIFICATION_FIXED',
        'Mails about the safety of your account are always sent, and only as mails.',
        {
          kind,
          channel,
        },
      );
    }
    if (!kindsOf(person.role).includes(kind))
      throw new AppError('NOTIFICATION_NOT_OFFERED', `${kind} is not for the role ${person.role}.`, { kind });
  }
  const kept = changes.filter(({ kind }) => kind !== SECURITY_KIND);
  if (kept.length > 0) await db.retrying((tx) => upsertChosen(tx, person.userId, kept));
  return readPreferences(db, person);
}
