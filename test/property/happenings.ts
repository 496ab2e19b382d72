import fc from 'fast-check';
import type { ShipmentStatus } from '../../domain/fulfilment/types';
import { CAPTURE_MODES, REVIEW_OUTCOMES, type ReviewOutcome } from '../../domain/orders/types';
import type { Reply, Seed } from './order-rows';

/** Something that happens to an order. `which` chooses among what there is. */
export type Happening =
  | { what: 'saga'; steps: number }
  | { what: 'answer'; which: number; reply: Reply }
  | { what: 'carrier'; which: number; to: ShipmentStatus }
  | { what: 'time'; ms: number }
  | { what: 'allocate'; units: number }
  | { what: 'goodwill'; which: number; amountMinor: number }
  | { what: 'retry' | 'bank' | 'settle-refund' | 'retry-capture'; which: number }
  | { what: 'settle-capture'; which: number; isWaived: boolean }
  /** The customer authenticates, or fails to; the gateway may tell it. */
  | { what: 'customer'; which: number; isGood: boolean; isTold: boolean }
  | { what: 'review'; outcome: ReviewOutcome }
  /** A customer's bank asks for money of a charge back; that goes on; and the gateway tells of it, perhaps late or again. */
  | { what: 'dispute'; which: number; amountMinor: number; isInquiry: boolean }
  | { what: 'move-dispute' | 'tell-dispute'; which: number }
  | { what: 'cancel' | 'pay' | 'restart' };

const which = fc.nat(5);
const one = <What extends string>(what: What) => fc.record({ what: fc.constant(what) });
const oneOf = <What extends string>(what: What) => fc.record({ what: fc.constant(what), which });

const HAPPENINGS = {
  saga: fc.record({ what: fc.constant('saga' as const), steps: fc.integer({ min: 1, max: 8 }) }),
  answer: fc.record({
    what: fc.constant('answer' as const),
    which,
    reply: fc.constantFrom<Reply>('yes', 'yes', 'no', 'away', 'lost', 'held', 'customer'),
  }),
  carrier: fc.record({
    what: fc.constant('carrier' as const),
    which,
    to: fc.constantFrom<ShipmentStatus>('booking', 'booked', 'picked_up', 'delivered', 'failed'),
  }),
  time: fc.record({
    what: fc.constant('time' as const),
    ms: fc.constantFrom(1, 600, 5_000, 60_000, 900_000, 3_700_000, 90_000_000),
  }),
  review: fc.record({ what: fc.constant('review' as const), outcome: fc.constantFrom(...REVIEW_OUTCOMES) }),
  cancel: one('cancel'),
  pay: one('pay'),
  restart: one('restart'),
  retry: oneOf('retry'),
  bank: oneOf('bank'),
  'settle-refund': oneOf('settle-refund'),
  'retry-capture': oneOf('retry-capture'),
  'settle-capture': fc.record({
    what: fc.constant('settle-capture' as const),
    which,
    isWaived: fc.boolean(),
  }),
  customer: fc.record({
    what: fc.constant('customer' as const),
    which,
    isGood: fc.boolean(),
    isTold: fc.boolean(),
  }),
  dispute: fc.record({
    what: fc.constant('dispute' as const),
    which,
    amountMinor: fc.integer({ min: 1, max: 1_200 }),
    isInquiry: fc.boolean(),
  }),
  'move-dispute': oneOf('move-dispute'),
  'tell-dispute': oneOf('tell-dispute'),
  allocate: fc.record({ what: fc.constant('allocate' as const), units: fc.integer({ min: 1, max: 3 }) }),
  goodwill: fc.record({
    what: fc.constant('goodwill' as const),
    which,
    amountMinor: fc.integer({ min: 1, max: 2_000 }),
  }),
} satisfies Record<Happening['what'], fc.Arbitrary<Happening>>;

function weighted(weights: Partial<Record<Happening['what'], number>>): fc.Arbitrary<Happening> {
  const whats = Object.keys(weights) as Happening['what'][];
  return fc.oneof(...whats.map((what) => ({ weight: weights[what] ?? 1, arbitrary: HAPPENINGS[what] })));
}

const authorized = fc.record({
  multicapture: fc.boolean(),
  // Hours, so that it lapses in between, or longer than any order lasts.
  keptMs: fc.constantFrom(7_200_000, 10_000_000_000),
  onLapse: fc.constantFrom('capture' as const, 'cancel' as const),
});

/** Anything. */
export const happening = weighted({
  saga: 8,
  answer: 8,
  carrier: 6,
  time: 3,
  cancel: 2,
  review: 2,
  pay: 2,
  restart: 2,
  retry: 2,
  bank: 1,
  allocate: 1,
  goodwill: 1,
  customer: 2,
  'retry-capture': 1,
  'settle-capture': 1,
  'settle-refund': 1,
  dispute: 1,
  'move-dispute': 1,
  'tell-dispute': 2,
});

/** What happens to a refund; rare among all that may happen to an order. */
export const refundHappening = weighted({ saga: 4, answer: 6, time: 3, restart: 3, retry: 3, bank: 1 });

/** What happens to refunds of a charge that is disputed. */
export const disputeHappening = weighted({
  saga: 5,
  answer: 5,
  time: 3,
  restart: 2,
  retry: 2,
  goodwill: 3,
  dispute: 3,
  'move-dispute': 4,
  'tell-dispute': 6,
});

/** An order that is paid, and gets a part of it back. */
export const REFUNDED: readonly Happening[] = [
  { what: 'saga', steps: 1 },
  { what: 'answer', which: 0, reply: 'yes' },
  { what: 'goodwill', which: 0, amountMinor: 1 },
];
export const PAID_SEED: Seed = {
  lines: [{ units: 2, priceMinor: 500 }],
  waiting: 0,
  waitingPriceMinor: 1,
  isPaidWithOrder: true,
  waitsForEver: false,
  capture: 'now',
  review: null,
  authorized: { multicapture: false, keptMs: 7_200_000, onLapse: 'capture' },
  isAbandoned: false,
};

/** What happens to captures of an order that is authorised, and to what is voided of it. */
export const captureHappening = weighted({
  saga: 6,
  answer: 8,
  carrier: 4,
  time: 3,
  restart: 2,
  cancel: 1,
  goodwill: 1,
  'retry-capture': 2,
  'settle-capture': 1,
});

/** An order of two parcels that is authorised. */
export const AUTHORIZED: readonly Happening[] = REFUNDED.slice(0, 2);
/** One of them has left, and two calls about its capture are under way. */
export const CAPTURED: readonly Happening[] = [
  ...AUTHORIZED,
  { what: 'carrier', which: 0, to: 'booking' },
  { what: 'carrier', which: 0, to: 'picked_up' },
  { what: 'saga', steps: 2 },
  { what: 'restart' },
  { what: 'time', ms: 600 },
  { what: 'saga', steps: 2 },
];
export const retryHappening = weighted({ saga: 4, answer: 6, time: 3, restart: 3 });
export const AUTHORIZED_SEEDS: fc.Arbitrary<Seed> = fc.record({
  lines: fc.constant([
    { units: 2, priceMinor: 500 },
    { units: 1, priceMinor: 300 },
  ]),
  waiting: fc.constant(0),
  waitingPriceMinor: fc.constant(1),
  isPaidWithOrder: fc.constant(true),
  waitsForEver: fc.constant(false),
  capture: fc.constant('on_shipment'),
  review: fc.constant(null),
  authorized,
  isAbandoned: fc.constant(false),
});

/** What happens between a customer, cards and the gateway. */
export const customerHappening = weighted({
  saga: 6,
  answer: 8,
  time: 3,
  customer: 4,
  pay: 4,
  restart: 2,
  cancel: 1,
});

export const seeds: fc.Arbitrary<Seed> = fc
  .record({
    lines: fc.array(
      fc.record({ units: fc.integer({ min: 1, max: 3 }), priceMinor: fc.integer({ min: 1, max: 999 }) }),
      { maxLength: 3 },
    ),
    waiting: fc.nat(3),
    waitingPriceMinor: fc.integer({ min: 1, max: 999 }),
    isPaidWithOrder: fc.boolean(),
    waitsForEver: fc.boolean(),
    capture: fc.constantFrom(...CAPTURE_MODES),
    review: fc.constantFrom<ReviewOutcome | null>(null, null, ...REVIEW_OUTCOMES),
    authorized,
    isAbandoned: fc.boolean(),
  })
  .filter(({ lines, waiting }) => lines.length > 0 || waiting > 0);
