import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOCALES } from '../../domain/identity/accounts/types';
import { mailText } from '../../domain/identity/accounts/mail-texts';
import { CATALOGUE } from '../../domain/events/catalogue';
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
import { asHtml, asText } from '../../platform/letter';

const ID = '0197c1f0-0000-7000-8000-00000000abcd';
const data = { type: 'order.expired', amountMinor: 1_000, alert: 'work_failed', sku: 'S1' };
const order = { id: ID, currency: 'JPY', totalMinor: 2_000, items: [] };

test('every kind has words in every language, and they differ', () => {
  for (const kind of NOTIFICATION_KINDS) {
    const titles = LOCALES.map((locale) => titleOf(kind, { locale, subjectId: ID, data }));
    expect(titles.every((title) => title.length > 5)).toBe(true);
    if (kind !== 'alert_info') expect(new Set(titles).size).toBe(LOCALES.length);
    for (const locale of LOCALES) {
      const common = { locale, name: 'Ada', data };
      const letters = [
        letterOfOrder(kind, { ...common, order }),
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
  const letter = letterOfOrder('order_refunded', { locale: 'en', name: null, data, order });
  expect(asText(letter)).toContain('1,000 JPY');
  expect(asText(letter)).toMatch(/^Hello,\n/);
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
    new Set(NOTIFIED_TYPES.map((type) => customerKindOf(type, {})).filter((kind) => kind !== undefined)),
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
