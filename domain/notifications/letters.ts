import { money } from '../../platform/money';
import { oneLine, type Letter } from '../../platform/letter';
import { greet } from '../identity/accounts/mail-texts';
import type { Locale } from '../identity/accounts/types';
import type { Language, LetterAlert, LetterOrder, Words } from './letter-types';
import { ENGLISH } from './letters-en';
import { GERMAN } from './letters-de';
import type { NotificationData, NotificationKind } from './types';

const LANGUAGES: Readonly<Record<Locale, Language>> = { en: ENGLISH, de: GERMAN };

/** An order's number, short enough for a subject: the end of its id, which differs most. */
function shortId(orderId: string): string {
  return orderId.slice(-12).toUpperCase();
}

/** A day in UTC, as people write it. */
function dateOf(at: string | null | undefined, locale: Locale): string | null {
  if (at === null || at === undefined) return null;
  return new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' }).format(new Date(at));
}

/** What a notification says in a line. @param subjectId of the event */
export function titleOf(
  kind: NotificationKind,
  { locale, subjectId, data }: { locale: Locale; subjectId: string; data: NotificationData },
): string {
  const { amountMinor, currency, until } = data;
  const amount =
    amountMinor !== undefined && currency !== undefined ? money(amountMinor, currency, locale) : null;
  const about = { order: shortId(subjectId), data, amount, until: dateOf(until, locale), hasMore: null };
  return oneLine(LANGUAGES[locale].words[kind](about).title);
}

interface Common {
  locale: Locale;
  /** Null: it is not known. */
  name: string | null;
  data: NotificationData;
}

/** How who gets a mail ends such mails. */
export interface Unsubscribing {
  token: string;
  /** Of the shop's own pages; without it the mail has the token alone. */
  pagesUrl: string | undefined;
}

/** What a mail says about an order. @param about.unsubscribing null: by the preferences of its reader */
export function letterOfOrder(
  kind: NotificationKind,
  about: Common & { order: LetterOrder; unsubscribing: Unsubscribing | null },
): Letter {
  const { locale, name, data, order, unsubscribing } = about;
  const language = LANGUAGES[locale];
  const { amountMinor } = data;
  const { title, lines, shows } = language.words[kind]({
    order: shortId(order.id),
    data,
    amount: amountMinor === undefined ? null : money(amountMinor, order.currency, locale),
    until: dateOf(data.until ?? order.backorderUntil, locale),
    hasMore: order.hasMore,
  });
  const table = tableOf(shows, { order, data, locale, total: language.total });
  return {
    subject: oneLine(title),
    greeting: greet(locale, name),
    paragraphs: lines,
    ...(table === null || table.rows.length === 0 ? {} : { table }),
    ...(unsubscribing === null ? {} : { link: unsubscribeLink(language, unsubscribing) }),
  };
}

function tableOf(
  shows: Words['shows'],
  {
    order,
    data,
    locale,
    total,
  }: { order: LetterOrder; data: NotificationData; locale: Locale; total: string },
): NonNullable<Letter['table']> | null {
  const { currency } = order;
  switch (shows) {
    case 'order':
      return {
        rows: order.items.map(({ quantity, name, unitPriceMinor }) => ({
          label: units(quantity, name),
          value: money(quantity * unitPriceMinor, currency, locale),
        })),
        total: { label: total, value: money(order.totalMinor, currency, locale) },
      };
    case 'parcel':
      return { rows: order.parcel.map(({ quantity, name }) => rowOf(quantity, name)), total: null };
    case 'units': {
      const names = new Map(order.items.map(({ sku, name }) => [sku, name]));
      const rows = (data.items ?? []).map(({ sku, quantity }) => rowOf(quantity, names.get(sku) ?? sku));
      return { rows, total: null };
    }
    case undefined:
      return null;
  }
}

const units = (quantity: number, name: string) => `${quantity} × ${name}`;
const rowOf = (quantity: number, name: string) => ({ label: units(quantity, name), value: null });

/** The token is in the fragment, which browsers send to nobody, so that no log has it. */
function unsubscribeLink(
  { unsubscribe }: Language,
  { token, pagesUrl }: Unsubscribing,
): NonNullable<Letter['link']> {
  if (pagesUrl === undefined) return { label: unsubscribe.token, url: token };
  return { label: unsubscribe.page, url: `${pagesUrl.replace(/\/$/, '')}/unsubscribe#token=${token}` };
}

/** What a mail says about an alert: what it is about, why, and what to do. */
export function letterOfAlert(
  kind: NotificationKind,
  about: Common & { subjectId: string; alert: LetterAlert },
): Letter {
  const { locale, name, data, subjectId, alert } = about;
  const language = LANGUAGES[locale];
  const { title, lines } = language.words[kind]({
    order: shortId(subjectId),
    data,
    amount: null,
    until: null,
    hasMore: null,
  });
  const reason = reasonOf(language, alert);
  const told = ['why', 'error', 'advice', 'next']
    .map((member) => alert.details[member])
    .filter((value) => typeof value === 'string');
  return {
    subject: oneLine(reason === null ? title : `${reason}: ${title}`),
    greeting: greet(locale, name),
    paragraphs: [
      ...lines,
      ...(reason === null ? [] : [`${reason}.`]),
      ...told,
      ...(data.isLast ? [language.noMore] : []),
      `${alert.raisedAt}, GET /api/v1/inventory/alerts, ${subjectId}`,
    ],
  };
}

/** For what an order needs a person; null: the alert is of another kind, or the reason of a later version. */
function reasonOf({ attention }: Language, { details }: LetterAlert): string | null {
  const { reason } = details;
  const known: Readonly<Record<string, string>> = attention;
  return typeof reason === 'string' && Object.hasOwn(known, reason) ? (known[reason] ?? null) : null;
}
