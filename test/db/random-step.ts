import fc from 'fast-check';
import type { CarrierEventType } from '../../domain/fulfilment/types';
import type { LapseAction } from '../../domain/ordering/capture';
import { REVIEW_OUTCOMES } from '../../domain/orders/types';
import type { CaptureMode, Fulfilment, ReviewOutcome } from '../../domain/orders/types';

const TOKENS = [
  'tok_ok',
  'tok_ok',
  'tok_declined',
  'tok_timeout',
  'tok_flaky',
  'tok_refund_fails',
  'tok_refund_pending',
  'tok_3ds',
  'tok_3ds_abandoned',
  'tok_capture_fails',
] as const;

/** What a carrier does when it is to stop a parcel. */
export type Stopping = 'voided' | 'refused' | 'silent';

/** One thing that may happen; `order` and `sku` count from the oldest, around. */
export type Step =
  | {
      do: 'place';
      quantities: number[];
      fulfilment: Fulfilment;
      token: string | null;
      capture: CaptureMode;
      /** It is reviewed, and this is decided when nobody does. */
      review: ReviewOutcome | null;
    }
  | { do: 'receive'; sku: number; warehouse: string; delta: number }
  | { do: 'pay'; order: number; token: string }
  | { do: 'carrier'; order: number; type: CarrierEventType }
  | { do: SimpleStep; order: number }
  | { do: 'stop'; order: number; by: Stopping }
  | { do: 'review'; order: number; outcome: ReviewOutcome }
  | { do: 'lapse'; order: number; action: LapseAction }
  | { do: 'give-back'; order: number; amountMinor: number }
  | { do: 'return'; order: number; units: number; refunded: number; feePercent: number }
  | { do: 'book'; refuse: boolean }
  | { do: 'drain' };

const SIMPLE = [
  'again',
  'ask',
  'ask',
  'due',
  'expire',
  'abandon',
  'request-cancel',
  'cancel',
  'cancel',
  'conclude-cancel',
  'release-stopped',
  'release-stopped',
  'give-up-backorders',
  'undo',
  'settle-authorizations',
  'settle-captures',
] as const;
type SimpleStep = (typeof SIMPLE)[number];

const order = fc.nat(11);
const token = fc.constantFrom(...TOKENS);

export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('place' as const),
      quantities: fc
        .array(fc.nat(4), { minLength: 3, maxLength: 3 })
        .filter((q) => q.some((units) => units > 0)),
      fulfilment: fc.constantFrom('complete', 'partial', 'backorder', 'backorder'),
      token: fc.option(token),
      capture: fc.constantFrom('now', 'on_shipment'),
      review: fc.constantFrom<ReviewOutcome | null>(null, null, ...REVIEW_OUTCOMES),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('receive' as const),
      sku: fc.nat(2),
      warehouse: fc.constantFrom('AMS', 'BER', 'NYC'),
      delta: fc.integer({ min: -2, max: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pay' as const), order, token }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('carrier' as const),
      order,
      type: fc.constantFrom('picked_up', 'delivered', 'failed'),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constantFrom(...SIMPLE), order }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('stop' as const),
      order,
      by: fc.constantFrom('voided', 'voided', 'refused', 'silent'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('review' as const),
      order,
      outcome: fc.constantFrom(...REVIEW_OUTCOMES),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('lapse' as const),
      order,
      action: fc.constantFrom('capture', 'cancel'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('give-back' as const),
      order,
      amountMinor: fc.integer({ min: 1, max: 3_000 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('return' as const),
      order,
      units: fc.integer({ min: 1, max: 4 }),
      refunded: fc.nat(4),
      feePercent: fc.constantFrom(0, 0, 12.5, 100),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('book' as const), refuse: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drain' as const) }) },
);
