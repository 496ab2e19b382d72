import {
  hasEnded,
  isCapturedLater,
  isReviewed,
  itemStatus,
  mayBecome,
  ORDER_TRANSITIONS,
} from '../../domain/orders/rules';
import { OPEN_ORDER_STATUSES, type OrderStatus } from '../../domain/orders/types';

const STATUSES: readonly OrderStatus[] = [
  'reserved',
  'paid',
  'fulfilling',
  'fulfilled',
  'rejected',
  'expired',
  'cancelled',
  'failed',
];

/** Every pair that may happen; all others may not. */
const ALLOWED = new Set([
  'reserved paid',
  'reserved expired',
  'reserved cancelled',
  'reserved failed',
  'paid fulfilling',
  'paid fulfilled',
  'paid cancelled',
  'paid failed',
  'fulfilling fulfilled',
  'fulfilling cancelled',
  'fulfilling failed',
]);

describe('the table of transitions', () => {
  test('names every status once', () => {
    expect(Object.keys(ORDER_TRANSITIONS).sort()).toEqual([...STATUSES].sort());
  });

  test.each(STATUSES.flatMap((from) => STATUSES.map((to) => [from, to] as const)))(
    'from %s to %s is as it was decided',
    (from, to) => {
      expect(mayBecome(from, to)).toBe(ALLOWED.has(`${from} ${to}`));
    },
  );

  test('an order ends where nothing leads on', () => {
    expect(STATUSES.filter(hasEnded)).toEqual(['fulfilled', 'rejected', 'expired', 'cancelled', 'failed']);
  });

  test('the orders that are called open are those that have not ended', () => {
    expect(STATUSES.filter((status) => !hasEnded(status))).toEqual(OPEN_ORDER_STATUSES);
  });
});

describe('an order is reviewed', () => {
  test.each([
    [false, undefined, { currency: 'USD', totalMinor: 1_000_000 }],
    [false, { fromMinor: { USD: 100 } }, { currency: 'USD', totalMinor: 99 }],
    [true, { fromMinor: { USD: 100 } }, { currency: 'USD', totalMinor: 100 }],
    [false, { fromMinor: { USD: 100 } }, { currency: 'EUR', totalMinor: 100 }],
    [true, { fromMinor: { USD: 100, EUR: 90 } }, { currency: 'EUR', totalMinor: 90 }],
    [true, { fromMinor: { USD: 0 } }, { currency: 'USD', totalMinor: 0 }],
  ])('%s: with terms %j, of %j', (is, terms, total) => {
    expect(isReviewed(terms, total)).toBe(is);
  });
});

describe('a payment that begins is captured later', () => {
  test.each([
    [false, { isReviewOpen: false }],
    [false, { capture: 'now', isReviewOpen: false }],
    [true, { capture: 'on_shipment', isReviewOpen: false }],
    [true, { capture: 'now', isReviewOpen: true }],
    [true, { isReviewOpen: true }],
  ] as const)('%s: %j', (is, order) => {
    expect(isCapturedLater(order)).toBe(is);
  });
});

describe('the status of an item', () => {
  const units = { quantity: 4, reserved: 0, backordered: 0, fulfilled: 0, cancelled: 0 };

  test.each([
    ['backordered', { backordered: 1, reserved: 1, fulfilled: 1, cancelled: 1 }],
    ['reserved', { reserved: 1, fulfilled: 2, cancelled: 1 }],
    ['fulfilled', { fulfilled: 1, cancelled: 3 }],
    ['cancelled', { cancelled: 4 }],
  ])('is %s, after the units that have the furthest to go', (status, given) => {
    expect(itemStatus({ ...units, ...given })).toBe(status);
  });
});
