import { asHtml, asText } from '../../platform/letter';
import type { Queryable } from '../../platform/database/database';
import { reachOf } from '../identity/accounts/reach';
import type { Mail } from '../identity/accounts/types';
import type { LeasedMail } from './dispatch-queries';
import { letterOfAlert, letterOfOrder } from './letters';
import { selectAlert, selectOrder } from './letter-queries';
import { isStaffKind, kindsOf } from './rules';
import type { NotificationKind } from './types';

/**
 * A mail about an event as it is sent now. Null: nobody is to get it, since they are disabled or erased, have not confirmed their address,
 * it takes no mail, or they do not work here any more; or there is nothing to tell any more, since the order was erased or the alert is over.
 */
export async function composeMail(
  on: Queryable,
  { id, userId, subjectId, data }: LeasedMail,
  kind: NotificationKind,
): Promise<Mail | null> {
  const reach = await reachOf(on, userId);
  if (!reach || subjectId === null) return null;
  const { email, name, locale, role } = reach;
  // An operator when it was planned, and none any more.
  if (!kindsOf(role).includes(kind)) return null;
  const about = { locale, name, data };
  const letter = isStaffKind(kind)
    ? await ofAlert(on, kind, { ...about, subjectId })
    : await ofOrder(on, kind, { ...about, orderId: subjectId, userId });
  return (
    letter && { id, to: email, subject: letter.subject, text: asText(letter), html: asHtml(letter, locale) }
  );
}

type Common = Pick<Parameters<typeof letterOfOrder>[1], 'locale' | 'name' | 'data'>;

async function ofAlert(on: Queryable, kind: NotificationKind, about: Common & { subjectId: string }) {
  const alert = await selectAlert(on, about.subjectId);
  return alert ? letterOfAlert(kind, { ...about, alert }) : null;
}

async function ofOrder(
  on: Queryable,
  kind: NotificationKind,
  { orderId, userId, ...about }: Common & { orderId: string; userId: string },
) {
  const order = await selectOrder(on, orderId, userId);
  return order ? letterOfOrder(kind, { ...about, order }) : null;
}
