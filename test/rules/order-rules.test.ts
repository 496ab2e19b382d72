import { mayCancel, nextStep, type NextStep } from '../../domain/ordering/rules';
import type { ReservationProgress, OrderProgress } from '../../domain/ordering/types';
import { hasEnded, itemStatus, mayBecome, ORDER_TRANSITIONS } from '../../domain/orders/rules';
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

function hold(id: string, rest: Partial<ReservationProgress> = {}): ReservationProgress {
  const expiresAt = '2030-01-01T00:00:00.000Z';
  return { reservationId: id, seq: 1, status: 'pending', attempt: 0, expiresAt, msLeft: 1_000, ...rest };
}

function progress(rest: Partial<OrderProgress> = {}): OrderProgress {
  return {
    orderId: 'o',
    status: 'reserved',
    failureCode: null,
    reservations: [],
    charge: null,
    hasPaymentMethod: false,
    cancelRequested: false,
    waitingUnits: 0,
    shipments: {},
    unreleasedShipments: 0,
    pendingRefunds: 0,
    ...rest,
  };
}

const CHARGE = { paymentId: 'p', reservationId: 'h', status: 'pending', ageSeconds: 0 } as const;

/** Each says only what it is about; what stands above it in the table is more urgent. */
const STEPS: readonly [string, Partial<OrderProgress>, NextStep][] = [
  ['a charge in flight is made', { charge: CHARGE }, { do: 'charge', paymentId: 'p', unresolved: false }],
  [
    'a charge without an outcome is looked up',
    { charge: { ...CHARGE, status: 'unknown' } },
    { do: 'charge', paymentId: 'p', unresolved: true },
  ],
  [
    'a charge of an order that has ended is still resolved',
    { charge: CHARGE, status: 'failed' },
    { do: 'charge', paymentId: 'p', unresolved: false },
  ],
  ['a request to cancel is carried out', { cancelRequested: true }, { do: 'cancel' }],
  ['what failed to ship is compensated', { unreleasedShipments: 1 }, { do: 'compensate' }],
  ['a refund that was not made is made', { pendingRefunds: 1 }, { do: 'compensate' }],
  ['an ended order still gives money back', { pendingRefunds: 1, status: 'cancelled' }, { do: 'compensate' }],
  ['an order that has ended is finished', { status: 'fulfilled' }, { do: 'finish' }],
  [
    'a part that was never charged is charged when there is a method',
    { hasPaymentMethod: true, reservations: [hold('h')] },
    { do: 'begin-charge', reservationId: 'h' },
  ],
  [
    'a part that was declined is not charged again without asking',
    { hasPaymentMethod: true, reservations: [hold('h', { attempt: 1 })] },
    { do: 'wait', for: 'payment', reservation: hold('h', { attempt: 1 }) },
  ],
  [
    'a part that is past due is not charged any more',
    { hasPaymentMethod: true, reservations: [hold('h', { msLeft: 0 })] },
    { do: 'expire', reservationId: 'h' },
  ],
  [
    'a due reservation expires',
    { reservations: [hold('h', { msLeft: -5 })] },
    { do: 'expire', reservationId: 'h' },
  ],
  [
    'of several unpaid reservations the soonest is waited on',
    { reservations: [hold('a', { msLeft: 900 }), hold('b', { msLeft: 300 }), hold('c', { msLeft: 600 })] },
    { do: 'wait', for: 'payment', reservation: hold('b', { msLeft: 300 }) },
  ],
  [
    'a reservation in charging without a known charge is not expired',
    { reservations: [hold('h', { status: 'charging', msLeft: -5 })] },
    { do: 'wait', for: 'stock' },
  ],
  [
    'what is confirmed is waited for until it ships',
    { status: 'paid', reservations: [hold('h', { status: 'confirmed', msLeft: -5 })] },
    { do: 'wait', for: 'shipment' },
  ],
  ['what has no reservation waits for stock', { waitingUnits: 3 }, { do: 'wait', for: 'stock' }],
];

describe('the next step', () => {
  test.each(STEPS)('%s', (_name, given, expected) => {
    expect(nextStep(progress(given))).toEqual(expected);
  });

  test('money in flight comes before undoing, undoing before ending, ending before charging, charging before expiry', () => {
    const urgencies: [string, Partial<OrderProgress>][] = [
      ['charge', { charge: CHARGE }],
      ['cancel', { cancelRequested: true }],
      ['compensate', { unreleasedShipments: 1 }],
      ['finish', { status: 'cancelled' }],
      ['begin-charge', { hasPaymentMethod: true }],
      ['expire', { reservations: [hold('due', { seq: 2, msLeft: -1 }), hold('new')] }],
      ['wait', {}],
    ];
    for (const [index, [expected]] of urgencies.entries()) {
      const lessUrgentToo = urgencies.slice(index).map(([, given]) => given);
      expect(nextStep(progress(Object.assign({}, ...lessUrgentToo) as Partial<OrderProgress>)).do).toBe(
        expected,
      );
    }
  });
});

describe('cancelling', () => {
  test.each([
    [true, { status: 'reserved' }],
    [true, { status: 'paid', shipments: { pending: 1 } }],
    [true, { status: 'fulfilling', shipments: { booked: 2, failed: 1 } }],
    [false, { status: 'fulfilling', shipments: { booked: 1, picked_up: 1 } }],
    [false, { status: 'fulfilling', shipments: { delivered: 1 } }],
    [false, { status: 'fulfilled' }],
    [false, { status: 'cancelled' }],
  ] as [boolean, Partial<OrderProgress>][])('is %s for %j', (allowed, given) => {
    expect(mayCancel(progress(given))).toBe(allowed);
  });
});
