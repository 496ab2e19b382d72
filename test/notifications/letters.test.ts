import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOCALES } from '../../domain/identity/accounts/types';
import { mailText } from '../../domain/identity/accounts/mail-texts';
import { CATALOGUE } from '../../domain/events/catalogue';
import type { LetterOrder } from '../../domain/notifications/letter-types';
import { letterOfAlert, letterOfOrder, titleOf } from '../../domain/notifications/letters';
import {
  customerKindOf,
  dataOf,
  isStale,
  isUsual,
  NOTIFIED_TYPES,
  staffKindOf,
} from '../../domain/notifications/rules';
import {
  CHANNELS,
  CUSTOMER_KINDS,
  NOTIFICATION_KINDS,
  NOTIFIED_MAIL_KINDS,
} from '../../domain/notifications/types';
import { ATTENTION } from '../../domain/orders/types';
import { ALERT_KINDS } from '../../domain/stock/alerts/types';
import { asHtml, asText } from '../../platform/letter';

const ID = '0197c1f0-0000-7000-8000-00000000abcd';
const data = { type: 'order.expired', amountMinor: 1_000, alert: 'work_failed', sku: 'S1' };
const order: LetterOrder = {
  id: ID,
  currency: 'JPY',
  totalMinor: 2_000,
  items: [],
  hasMore: false,
  backorderUntil: null,
  parcel: [],
};
const unsubscribing = null;

test('every kind has words in every language, and they differ', () => {
  for (const kind of NOTIFICATION_KINDS) {
    const titles = LOCALES.map((locale) => titleOf(kind, { locale, subjectId: ID, data }));
    expect(titles.every((title) => title.length > 5)).toBe(true);
    if (kind !== 'alert_info') expect(new Set(titles).size).toBe(LOCALES.length);
    for (const locale of LOCALES) {
      const common = { locale, name: 'Ada', data };
      const letters = [
        letterOfOrder(kind, { ...common, order, unsubscribing }),
        letterOfAlert(kind, {
          ...common,
          subjectId: ID,
          alert: { details: { why: 'since' }, raisedAt: 'now' },
        }),
      ];
      for (const letter of letters) {
        expect(asText(letter)).toContain('Ada,');
        expect(asHtml(letter, locale)).toContain(`<html lang="${locale}">`);
      }
    }
  }
});

test('money is shown with the digits of its currency', () => {
  const letter = letterOfOrder('order_refunded', { locale: 'en', name: null, data, order, unsubscribing });
  expect(asText(letter)).toContain('1,000 JPY');
  expect(asText(letter)).toMatch(/^Hello,\n/);
});

/** An order with hostile names, of which some has not left. */
const hostile: LetterOrder = {
  id: ID,
  currency: 'KWD',
  totalMinor: 1_234_567,
  items: [
    { sku: 'S1', name: '<b>Lamp</b> & "Co"\r\nBcc: eve@example.com', quantity: 2, unitPriceMinor: 600_000 },
    { sku: 'S2', name: 'Bulb', quantity: 1, unitPriceMinor: 34_567 },
  ],
  hasMore: true,
  backorderUntil: '2026-12-24T08:00:00Z',
  parcel: [{ name: '<i>Bulb</i>', quantity: 1 }],
};
const shipment = { carrier: 'dhl', trackingNumber: 'T<1>', shipmentId: ID };
const LAMPS = [{ sku: 'S1', quantity: 2 }];

/** Each event of which a customer is told, with what its mail says in each language. */
const TOLD: readonly [type: string, data: Record<string, unknown>, en: string[], de: string[]][] = [
  [
    'order.placed',
    {},
    ['We have your order', 'Total: 1,234.567 KWD'],
    ['Bestellung erhalten', 'Summe: 1.234,567 KWD'],
  ],
  [
    'payment.captured',
    { amountMinor: 1_234_567 },
    ['your payment of 1,234.567 KWD'],
    ['Ihre Zahlung von 1.234,567 KWD'],
  ],
  ['capture.succeeded', { amountMinor: 500 }, ['your payment of 0.500 KWD'], ['Ihre Zahlung von 0,500 KWD']],
  ['payment.declined', {}, ['no money was taken'], ['kein Geld abgebucht']],
  ['payment.failed', {}, ['no money was taken'], ['kein Geld abgebucht']],
  ['payment.requires_action', {}, ['confirm the payment'], ['die Zahlung bestätigen']],
  [
    'order.review_opened',
    { deadline: '2026-12-01T10:00:00Z' },
    ['by December 1, 2026 at the latest'],
    ['spätestens bis 1. Dezember 2026'],
  ],
  ['order.review_approved', {}, ['it goes on'], ['sie geht weiter']],
  [
    'order.items_backordered',
    { shortages: [{ sku: 'S1', requested: 3, available: 1 }] },
    ['as soon as it is there', '2 × <b>Lamp</b>', 'come in by December 24, 2026'],
    ['sobald er da ist', '2 × <b>Lamp</b>', 'bis 24. Dezember 2026'],
  ],
  [
    'order.amended',
    { items: LAMPS },
    ['This is what is in it now', '1 × Bulb: 34.567 KWD'],
    ['enthält jetzt', '1 × Bulb: 34,567 KWD'],
  ],
  [
    'order.items_cut',
    { shortages: [{ sku: 'S1', requested: 2, available: 0 }] },
    ['not all that you ordered is in stock', '2 × <b>Lamp</b>'],
    ['nicht alles', '2 × <b>Lamp</b>'],
  ],
  [
    'order.units_cut',
    { items: LAMPS },
    ['some of your order was cancelled', '2 × <b>Lamp</b>'],
    ['ein Teil Ihrer Bestellung wurde storniert', '2 × <b>Lamp</b>'],
  ],
  [
    'order.units_blocked',
    { sku: 'S1', units: 2, outcome: 'cut' },
    ['taken off sale', '2 × <b>Lamp</b>'],
    ['aus dem Verkauf genommen', '2 × <b>Lamp</b>'],
  ],
  [
    'order.units_missing',
    { sku: 'S2', units: 1, outcome: 'cut' },
    ['not found in our warehouse', '1 × Bulb'],
    ['nicht zu finden', '1 × Bulb'],
  ],
  ['order.backorders_closed', { units: 2 }, ['did not come in'], ['nicht eingetroffen']],
  [
    'order.rest_cancelled',
    { units: 2 },
    ['had not left yet was cancelled'],
    ['noch nicht unterwegs war, wurde storniert'],
  ],
  [
    'shipment.picked_up',
    shipment,
    ['Part of your order', 'The rest follows', 'Tracking number: dhl T<1>', '1 × <i>Bulb</i>'],
    ['Ein Teil Ihrer Bestellung', 'Der Rest folgt', 'Sendungsnummer: dhl T<1>', '1 × <i>Bulb</i>'],
  ],
  [
    'shipment.delivered',
    shipment,
    ['was delivered', '1 × <i>Bulb</i>'],
    ['wurde zugestellt', '1 × <i>Bulb</i>'],
  ],
  ['shipment.lost', shipment, ['was lost', 'T<1>'], ['verloren gegangen', 'T<1>']],
  ['order.cancel_refused', {}, ['could not be cancelled'], ['nicht mehr storniert']],
  ['order.cancelled', {}, ['was cancelled'], ['wurde storniert']],
  ['order.expired', {}, ['not paid in time'], ['nicht rechtzeitig bezahlt']],
  ['order.failed', {}, ['was cancelled'], ['wurde storniert']],
  [
    'refund.succeeded',
    { amountMinor: 1_000 },
    ['paid 1.000 KWD of your order back'],
    ['haben Ihnen 1,000 KWD Ihrer Bestellung zurückgezahlt'],
  ],
  [
    'return.authorised',
    { items: LAMPS },
    ['agreed to your return', '2 × <b>Lamp</b>'],
    ['mit Ihrer Rücksendung einverstanden'],
  ],
  ['return.received', { items: LAMPS }, ['has arrived', '2 × <b>Lamp</b>'], ['ist angekommen']],
  ['return.completed', {}, ['your return is done'], ['Ihre Rücksendung ist abgeschlossen']],
  ['return.expired', {}, ['has run out'], ['ist abgelaufen']],
  ['return.cancelled', {}, ['do not send the items back'], ['senden Sie die Artikel nicht zurück']],
];

test('each event of which a customer is told is here', () => {
  expect(TOLD.map(([type]) => type).sort()).toEqual(
    NOTIFIED_TYPES.filter((type) => type !== 'alert.raised').sort(),
  );
});

test.each(TOLD)(
  '%s is told in words of each language, with names and without markup',
  (type, data, en, de) => {
    const kind = customerKindOf(type, data);
    if (kind === undefined) throw new Error(`nobody is told of ${type}`);
    const kept = dataOf(type, { ...data, reason: 'of staff', note: 'of staff' });
    for (const [locale, words] of [
      ['en', en],
      ['de', de],
    ] as const) {
      const letter = letterOfOrder(kind, {
        locale,
        name: '<Ada>',
        data: kept,
        order: hostile,
        unsubscribing,
      });
      const [text, html] = [asText(letter), asHtml(letter, locale)];
      for (const word of words) expect(`${letter.subject}\n${text}`).toContain(word);
      // A table has cells where the text has colons.
      for (const part of words.flatMap((word) => word.split(': '))) expect(html).toContain(escaped(part));
      expect(html).not.toMatch(/<b>|<i>|<Ada>|T<1>/);
      expect(text).not.toMatch(/^Bcc:/m);
      // The number of an order is what people call it; no other id is told.
      expect(`${letter.subject} ${text} ${html}`).not.toContain(ID);
      expect(`${text} ${html}`).not.toMatch(/\bS[12]\b|of staff|undefined|null/);
      expect(letter.subject).toContain('00000000ABCD');
      expect(titleOf(kind, { locale, subjectId: ID, data: kept })).toContain('00000000ABCD');
    }
  },
);

const escaped = (text: string) =>
  text.replaceAll('&', '&#38;').replaceAll('<', '&#60;').replaceAll('>', '&#62;').replaceAll('"', '&#34;');

test('units that came from elsewhere, and parcels that were stopped for them, are no news', () => {
  for (const type of ['order.units_blocked', 'order.units_missing'])
    for (const outcome of ['moved', 'parcel_stopped', undefined])
      expect(customerKindOf(type, { sku: 'S1', units: 1, outcome })).toBeUndefined();
});

test('a whole order that leaves at once is not said to be part of one', () => {
  const letter = letterOfOrder('order_shipped', {
    locale: 'en',
    name: null,
    data: { type: 'shipment.picked_up' },
    order: { ...hostile, hasMore: false },
    unsubscribing,
  });
  expect(letter.subject).toMatch(/^A parcel of your order/);
  expect(asText(letter)).not.toContain('The rest follows');
});

test('who has no account finds in each mail how to end them: a link to the pages of the shop, or the token alone', () => {
  for (const locale of LOCALES) {
    const write = (pagesUrl: string | undefined) =>
      letterOfOrder('order_paid', {
        locale,
        name: null,
        data,
        order,
        unsubscribing: { token: 'tok', pagesUrl },
      });
    expect(asText(write(undefined))).toMatch(/: tok\n$/);
    expect(asHtml(write(undefined), locale)).toContain('<code>tok</code>');
    expect(asHtml(write('https://shop.example/a/'), locale)).toContain(
      '<a href="https://shop.example/a/unsubscribe#token=tok">',
    );
  }
});

test('alerts and what needs a person have titles in each language, a refund that failed too', () => {
  for (const reason of Object.keys(ATTENTION)) {
    const subjects = LOCALES.map(
      (locale) =>
        letterOfAlert('attention', {
          locale,
          name: null,
          data: { type: 'alert.raised', alert: 'attention', orderId: ID },
          subjectId: ID,
          alert: { details: { reason, why: 'since' }, raisedAt: 'now' },
        }).subject,
    );
    expect(new Set(subjects).size).toBe(LOCALES.length);
    // No word of the program.
    if (reason.includes('_')) expect(subjects.join()).not.toContain(reason);
  }
  for (const alert of Object.keys(ALERT_KINDS)) {
    const titles = LOCALES.map((locale) =>
      titleOf('alert_critical', { locale, subjectId: ID, data: { type: 'alert.raised', alert } }),
    );
    expect(titles.every((title) => !title.includes(alert) || alert.length < 9)).toBe(true);
    expect(new Set(titles.map((title) => title.split(': ')[1])).size).toBe(LOCALES.length);
  }
  expect(
    letterOfAlert('attention', {
      locale: 'de',
      name: null,
      data: { type: 'alert.raised', alert: 'attention' },
      subjectId: ID,
      alert: { details: { reason: 'of_later' }, raisedAt: 'now' },
    }).subject,
  ).toBe('Eine Bestellung braucht einen Menschen');
});

test('mails about an account have a text and HTML in every language, with the token in both', () => {
  for (const locale of LOCALES) {
    const about = { name: null, token: 'tok', locale };
    const bare = mailText('confirm_email', { ...about, pagesUrl: undefined });
    expect(bare.text).toContain('Token: tok');
    expect(bare.html).toContain('<code>tok</code>');
    const linked = mailText('reset_password', { ...about, pagesUrl: 'https://shop.example/a/' });
    expect(linked.text).toContain('https://shop.example/a/reset-password#token=tok');
    expect(linked.html).toContain('<a href="https://shop.example/a/reset-password#token=tok">');
  }
});

test('events of which somebody is told are of the catalogue, and what is kept of them has nothing that people write', () => {
  for (const type of NOTIFIED_TYPES) expect(CATALOGUE).toHaveProperty([type]);
  expect(
    new Set(
      NOTIFIED_TYPES.map((type) => customerKindOf(type, { outcome: 'cut' })).filter(
        (kind) => kind !== undefined,
      ),
    ),
  ).toEqual(new Set(CUSTOMER_KINDS));
  expect(customerKindOf('capture.succeeded', { amountMinor: 0 })).toBeUndefined();
  expect(
    dataOf('shipment.picked_up', {
      carrier: 'c',
      trackingNumber: null,
      reason: 'told me',
      note: 'x',
      amountMinor: 1,
    }),
  ).toEqual({ type: 'shipment.picked_up', carrier: 'c', amountMinor: 1 });
});

test('alerts are told by their severity; one of a later version as a warning', () => {
  const kindOf = (kind: string) => staffKindOf('alert.raised', { kind });
  expect(['ledger_drift', 'work_failed', 'low_stock', 'attention', 'of_later'].map(kindOf)).toEqual([
    'alert_critical',
    'alert_warning',
    'alert_info',
    'attention',
    'alert_warning',
  ]);
  expect(staffKindOf('alert.resolved', { kind: 'ledger_drift' })).toBeUndefined();
});

test('what happened more than three days ago is no news', () => {
  const now = Date.parse('2026-05-04T10:00:00Z');
  expect([isStale('2026-05-01T10:00:01Z', now), isStale('2026-05-01T09:59:59Z', now)]).toEqual([false, true]);
});

test('docs/notifications.md tells what is told on which channel unless somebody says otherwise', () => {
  const page = readFileSync(join(__dirname, '../../docs/notifications.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` +\|[^|]*\|[^|]*\| (\w+) +\| (\w+) +\|$/gm)].map(
    ([, kind, ...told]) => [kind, ...told.map((word) => word !== 'no')],
  );
  const usual = NOTIFIED_MAIL_KINDS.map((kind) => [
    kind,
    ...CHANNELS.map((channel) => isUsual(kind, channel)),
  ]);
  expect(rows.sort()).toEqual(usual.sort());
});
