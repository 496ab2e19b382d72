import { asHtml, asText } from '../../platform/letter';
import type { Queryable } from '../../platform/database/database';
import { reachOf } from '../identity/accounts/reach';
import type { Locale, Mail } from '../identity/accounts/types';
import { selectContactReach } from './contact-queries';
import { newUnsubscribeToken } from './contacts';
import type { LeasedMail } from './dispatch-queries';
import { letterOfAlert, letterOfOrder, type Unsubscribing } from './letters';
import { selectAlert, selectOrder } from './letter-queries';
import { isStaffKind, kindsOf } from './rules';
import type { NotificationData, NotificationKind } from './types';

/** To whom a mail goes, as of now. */
interface Reader {
  email: string;
  name: string | null;
  locale: Locale;
  /** Null: they get none of this kind, or say so by their preferences. */
  unsubscribing: Unsubscribing | null;
}

/**
 * A mail about an event as it is sent now. Null: nobody is to get it, since they are disabled or erased, have not confirmed their address,
 * it takes no mail or they want none, or they do not work here any more; or there is nothing to tell any more, since the order was erased or
 * the alert is over.
 *
 * @param options.pagesUrl of the shop's own pages, which take tokens; undefined: mails have the token alone
 */
export async function composeMail(
  on: Queryable,
  { id, userId, subjectId, data }: LeasedMail,
  { kind, pagesUrl }: { kind: NotificationKind; pagesUrl: string | undefined },
): Promise<Mail | null> {
  if (subjectId === null) return null;
  const reader =
    userId === null ? await contactOf(on, subjectId, pagesUrl) : await personOf(on, userId, kind);
  if (!reader) return null;
  const { email, ...about } = reader;
  const letter = isStaffKind(kind)
    ? await ofAlert(on, kind, { ...about, data, subjectId })
    : await ofOrder(on, kind, { ...about, data, orderId: subjectId, userId });
  return (
    letter && {
      id,
      to: email,
      subject: letter.subject,
      text: asText(letter),
      html: asHtml(letter, about.locale),
    }
  );
}

async function personOf(on: Queryable, userId: string, kind: NotificationKind): Promise<Reader | null> {
  const reach = await reachOf(on, userId);
  // An operator when it was planned, and none any more.
  if (!reach || !kindsOf(reach.role).includes(kind)) return null;
  const { email, name, locale } = reach;
  return { email, name, locale, unsubscribing: null };
}

async function contactOf(
  on: Queryable,
  orderId: string,
  pagesUrl: string | undefined,
): Promise<Reader | null> {
  const contact = await selectContactReach(on, orderId);
  const token = contact && (await newUnsubscribeToken(on, orderId));
  if (!contact || token === null || token === undefined) return null;
  return { ...contact, name: null, unsubscribing: { token, pagesUrl } };
}

type Common = Omit<Reader, 'email'> & { data: NotificationData };

async function ofAlert(on: Queryable, kind: NotificationKind, about: Common & { subjectId: string }) {
  const alert = await selectAlert(on, about.subjectId);
  return alert ? letterOfAlert(kind, { ...about, alert }) : null;
}

async function ofOrder(
  on: Queryable,
  kind: NotificationKind,
  { orderId, userId, ...about }: Common & { orderId: string; userId: string | null },
) {
  const order = await selectOrder(on, orderId, {
    customerId: userId,
    shipmentId: about.data.shipmentId ?? null,
  });
  return order ? letterOfOrder(kind, { ...about, order }) : null;
}
