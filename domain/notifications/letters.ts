import { money } from '../../platform/money';
import { oneLine, type Letter } from '../../platform/letter';
import { greet } from '../identity/accounts/mail-texts';
import type { Locale } from '../identity/accounts/types';
import { ALERT_KINDS } from '../stock/alerts/types';
import type { NotificationData, NotificationKind } from './types';

/** An order as a mail shows it. */
export interface LetterOrder {
  id: string;
  currency: string;
  totalMinor: number;
  items: readonly { name: string; quantity: number; unitPriceMinor: number }[];
}

/** What a mail about an alert says of it. */
export interface LetterAlert {
  details: Readonly<Record<string, unknown>>;
  raisedAt: string;
}

interface Words {
  title: string;
  lines: readonly string[];
  /** The mail shows what was ordered. */
  showsItems?: boolean;
}

interface About {
  /** Of the order. */
  order: string;
  data: NotificationData;
  /** Null: it is not known. */
  amount: string | null;
}

type Catalogue = Readonly<Record<NotificationKind, (about: About) => Words>>;

const titleOfAlert = ({ alert }: NotificationData) => {
  const kinds: Readonly<Record<string, { title: string }>> = ALERT_KINDS;
  return kinds[alert ?? '']?.title ?? alert ?? 'Alert';
};

/** Where an alert is, in brackets. */
const placeOf = ({ sku, warehouse, orderId }: NotificationData) => {
  const parts = [sku, warehouse, orderId].filter((part) => part !== undefined);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
};

const parcelOf = ({ carrier, trackingNumber }: NotificationData) =>
  [carrier, trackingNumber].filter((part) => part !== undefined).join(' ');

const ENGLISH: Catalogue = {
  order_placed: ({ order }) => ({
    title: `We have your order ${order}`,
    lines: ['we have your order. This is what is in it:'],
    showsItems: true,
  }),
  order_paid: ({ order, amount }) => ({
    title: `We have your payment for order ${order}`,
    lines: [`we have your payment${amount === null ? '' : ` of ${amount}`}. Thank you.`],
    showsItems: true,
  }),
  payment_failed: ({ order }) => ({
    title: `The payment of your order ${order} failed`,
    lines: [
      'the payment of your order did not succeed, and no money was taken.',
      'Please try again, or pay in another way.',
    ],
  }),
  payment_action: ({ order }) => ({
    title: `Please confirm the payment of your order ${order}`,
    lines: [
      'your bank wants you to confirm the payment of your order. Please go back to the shop and finish it there.',
    ],
  }),
  order_backordered: ({ order }) => ({
    title: `Some of your order ${order} comes later`,
    lines: ['not all that you ordered is in stock. We send the rest as soon as it is there.'],
    showsItems: true,
  }),
  order_shipped: ({ order, data }) => ({
    title: `A parcel of your order ${order} is on its way`,
    lines: ['a parcel of your order is on its way to you.', ...shipped('Tracking number', data)],
  }),
  order_delivered: ({ order, data }) => ({
    title: `A parcel of your order ${order} was delivered`,
    lines: ['a parcel of your order was delivered.', ...shipped('Tracking number', data)],
  }),
  order_cancelled: ({ order, data }) => ({
    title: `Your order ${order} was cancelled`,
    lines: [
      data.type === 'order.expired'
        ? 'your order was cancelled, since it was not paid in time.'
        : 'your order was cancelled. Money that was taken for what you do not get goes back to you.',
    ],
  }),
  order_refunded: ({ order, amount }) => ({
    title: `Money of your order ${order} goes back to you`,
    lines: [
      amount === null
        ? 'we have paid money of your order back to you.'
        : `we have paid ${amount} of your order back to you.`,
      'It may take your bank some days to show it.',
    ],
  }),
  return_update: ({ order, data }) => ({
    title:
      data.type === 'return.completed'
        ? `Your return of order ${order} is done`
        : `You may send back items of order ${order}`,
    lines: [
      data.type === 'return.completed'
        ? 'we have looked at what you sent back, and your return is done.'
        : 'we have agreed to your return. Please send the items back.',
    ],
  }),
  alert_critical: ({ data }) => ({
    title: `Critical: ${titleOfAlert(data)}${placeOf(data)}`,
    lines: [`${titleOfAlert(data)}.`],
  }),
  alert_warning: ({ data }) => ({
    title: `Warning: ${titleOfAlert(data)}${placeOf(data)}`,
    lines: [`${titleOfAlert(data)}.`],
  }),
  alert_info: ({ data }) => ({
    title: `${titleOfAlert(data)}${placeOf(data)}`,
    lines: [`${titleOfAlert(data)}.`],
  }),
  attention: ({ data }) => ({
    title: `An order needs a person${placeOf(data)}`,
    lines: ['an order needs a person.'],
  }),
};

const GERMAN: Catalogue = {
  order_placed: ({ order }) => ({
    title: `Wir haben Ihre Bestellung ${order}`,
    lines: ['wir haben Ihre Bestellung erhalten. Sie enthält:'],
    showsItems: true,
  }),
  order_paid: ({ order, amount }) => ({
    title: `Wir haben Ihre Zahlung zur Bestellung ${order}`,
    lines: [`wir haben Ihre Zahlung${amount === null ? '' : ` von ${amount}`} erhalten. Vielen Dank.`],
    showsItems: true,
  }),
  payment_failed: ({ order }) => ({
    title: `Die Zahlung Ihrer Bestellung ${order} ist fehlgeschlagen`,
    lines: [
      'die Zahlung Ihrer Bestellung hat nicht geklappt, und es wurde kein Geld abgebucht.',
      'Bitte versuchen Sie es noch einmal, oder zahlen Sie auf andere Weise.',
    ],
  }),
  payment_action: ({ order }) => ({
    title: `Bitte bestätigen Sie die Zahlung Ihrer Bestellung ${order}`,
    lines: [
      'Ihre Bank möchte, dass Sie die Zahlung bestätigen. Bitte gehen Sie zum Shop zurück und schließen Sie sie dort ab.',
    ],
  }),
  order_backordered: ({ order }) => ({
    title: `Ein Teil Ihrer Bestellung ${order} kommt später`,
    lines: ['nicht alles, was Sie bestellt haben, ist auf Lager. Wir senden den Rest, sobald er da ist.'],
    showsItems: true,
  }),
  order_shipped: ({ order, data }) => ({
    title: `Ein Paket Ihrer Bestellung ${order} ist unterwegs`,
    lines: ['ein Paket Ihrer Bestellung ist auf dem Weg zu Ihnen.', ...shipped('Sendungsnummer', data)],
  }),
  order_delivered: ({ order, data }) => ({
    title: `Ein Paket Ihrer Bestellung ${order} wurde zugestellt`,
    lines: ['ein Paket Ihrer Bestellung wurde zugestellt.', ...shipped('Sendungsnummer', data)],
  }),
  order_cancelled: ({ order, data }) => ({
    title: `Ihre Bestellung ${order} wurde storniert`,
    lines: [
      data.type === 'order.expired'
        ? 'Ihre Bestellung wurde storniert, da sie nicht rechtzeitig bezahlt wurde.'
        : 'Ihre Bestellung wurde storniert. Geld für das, was Sie nicht bekommen, geht an Sie zurück.',
    ],
  }),
  order_refunded: ({ order, amount }) => ({
    title: `Geld Ihrer Bestellung ${order} geht an Sie zurück`,
    lines: [
      amount === null
        ? 'wir haben Ihnen Geld Ihrer Bestellung zurückgezahlt.'
        : `wir haben Ihnen ${amount} Ihrer Bestellung zurückgezahlt.`,
      'Es kann einige Tage dauern, bis Ihre Bank es anzeigt.',
    ],
  }),
  return_update: ({ order, data }) => ({
    title:
      data.type === 'return.completed'
        ? `Ihre Rücksendung zur Bestellung ${order} ist abgeschlossen`
        : `Sie können Artikel der Bestellung ${order} zurücksenden`,
    lines: [
      data.type === 'return.completed'
        ? 'wir haben geprüft, was Sie zurückgesandt haben, und Ihre Rücksendung ist abgeschlossen.'
        : 'wir sind mit Ihrer Rücksendung einverstanden. Bitte senden Sie die Artikel zurück.',
    ],
  }),
  alert_critical: ({ data }) => ({
    title: `Kritisch: ${titleOfAlert(data)}${placeOf(data)}`,
    lines: [`${titleOfAlert(data)}.`],
  }),
  alert_warning: ({ data }) => ({
    title: `Warnung: ${titleOfAlert(data)}${placeOf(data)}`,
    lines: [`${titleOfAlert(data)}.`],
  }),
  alert_info: ({ data }) => ({
    title: `${titleOfAlert(data)}${placeOf(data)}`,
    lines: [`${titleOfAlert(data)}.`],
  }),
  attention: ({ data }) => ({
    title: `Eine Bestellung braucht einen Menschen${placeOf(data)}`,
    lines: ['eine Bestellung braucht einen Menschen.'],
  }),
};

const TEXTS: Readonly<Record<Locale, Catalogue>> = { en: ENGLISH, de: GERMAN };
const TOTAL: Readonly<Record<Locale, string>> = { en: 'Total', de: 'Summe' };

const NO_MORE: Readonly<Record<Locale, string>> = {
  en: 'There are many of this kind: no further one is sent by mail within the hour. GET /api/v1/admin/attention has all of them.',
  de: 'Es sind viele dieser Art: Innerhalb dieser Stunde kommt keine weitere Mail. GET /api/v1/admin/attention zeigt alle.',
};

function shipped(label: string, data: NotificationData): string[] {
  const parcel = parcelOf(data);
  return parcel === '' ? [] : [`${label}: ${parcel}`];
}

/** An order's number, short enough for a subject: the end of its id, which differs most. */
function shortId(orderId: string): string {
  return orderId.slice(-12).toUpperCase();
}

/** What a notification says in a line. @param subjectId of the event */
export function titleOf(
  kind: NotificationKind,
  { locale, subjectId, data }: { locale: Locale; subjectId: string; data: NotificationData },
): string {
  const { amountMinor, currency } = data;
  const amount = amountMinor !== undefined && currency !== undefined ? money(amountMinor, currency) : null;
  return oneLine(TEXTS[locale][kind]({ order: shortId(subjectId), data, amount }).title);
}

/** What a mail says about an order. */
export function letterOfOrder(
  kind: NotificationKind,
  about: { locale: Locale; name: string | null; data: NotificationData; order: LetterOrder },
): Letter {
  const { locale, name, data, order } = about;
  const { amountMinor } = data;
  const amount = amountMinor === undefined ? null : money(amountMinor, order.currency);
  const { title, lines, showsItems } = TEXTS[locale][kind]({ order: shortId(order.id), data, amount });
  return {
    subject: oneLine(title),
    greeting: greet(locale, name),
    paragraphs: lines,
    ...(showsItems
      ? {
          table: {
            rows: order.items.map((item) => ({
              label: `${item.quantity} × ${item.name}`,
              value: money(item.quantity * item.unitPriceMinor, order.currency),
            })),
            total: { label: TOTAL[locale], value: money(order.totalMinor, order.currency) },
          },
        }
      : {}),
  };
}

/** What a mail says about an alert: what it is about, why, and what to do. */
export function letterOfAlert(
  kind: NotificationKind,
  about: {
    locale: Locale;
    name: string | null;
    data: NotificationData;
    subjectId: string;
    alert: LetterAlert;
  },
): Letter {
  const { locale, name, data, subjectId, alert } = about;
  const { title, lines } = TEXTS[locale][kind]({ order: shortId(subjectId), data, amount: null });
  const told = ['why', 'error', 'advice', 'next']
    .map((member) => alert.details[member])
    .filter((value) => typeof value === 'string');
  return {
    subject: oneLine(title),
    greeting: greet(locale, name),
    paragraphs: [
      ...lines,
      ...told,
      ...(data.isLast ? [NO_MORE[locale]] : []),
      `${alert.raisedAt}, GET /api/v1/inventory/alerts, ${subjectId}`,
    ],
  };
}
