import fc from 'fast-check';
import type { ShipmentStatus } from '../../domain/fulfilment/types';
import { nextStep, type NextStep } from '../../domain/ordering/rules';
import { REVIEW_OUTCOMES, type ReviewOutcome } from '../../domain/orders/types';
import { expectConsistent, expectFinished, hold } from './order-invariants';
import { OrderModel, type Defect, type Reply, type Seed } from './order-model';

/** Something that happens to an order. `which` chooses among what there is. */
export type Happening =
  | { what: 'saga'; steps: number }
  | { what: 'answer'; which: number; reply: Reply }
  | { what: 'carrier'; which: number; to: ShipmentStatus }
  | { what: 'time'; ms: number }
  | { what: 'allocate'; units: number }
  | { what: 'goodwill'; which: number; amountMinor: number }
  | { what: 'retry' | 'bank'; which: number }
  | { what: 'review'; outcome: ReviewOutcome }
  | { what: 'cancel' | 'pay' | 'restart' };

const which = fc.nat(5);
const one = <What extends string>(what: What) => fc.record({ what: fc.constant(what) });

const HAPPENINGS = {
  saga: fc.record({ what: fc.constant('saga' as const), steps: fc.integer({ min: 1, max: 8 }) }),
  answer: fc.record({
    what: fc.constant('answer' as const),
    which,
    reply: fc.constantFrom<Reply>('yes', 'yes', 'no', 'away', 'lost', 'held'),
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
  retry: fc.record({ what: fc.constant('retry' as const), which }),
  bank: fc.record({ what: fc.constant('bank' as const), which }),
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
});

/** What happens to a refund; rare among all that may happen to an order. */
export const refundHappening = weighted({ saga: 4, answer: 6, time: 3, restart: 3, retry: 3, bank: 1 });

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
};

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
    review: fc.constantFrom<ReviewOutcome | null>(null, null, ...REVIEW_OUTCOMES),
  })
  .filter(({ lines, waiting }) => lines.length > 0 || waiting > 0);

type Next = typeof nextStep;

const LONGEST_RUN = 400;

/** One order, driven by its saga, with what happens to it; everything is checked after each of both. */
export class OrderRun {
  private readonly model: OrderModel;
  /** What was asked about, in which state and when: each at most once. */
  private readonly asked = new Set<string>();
  /** Shipments that the carrier has refused to stop since it was last wished for. */
  private readonly refused = new Set<string>();

  constructor(seed: Seed, { defect = null, next = nextStep }: { defect?: Defect | null; next?: Next } = {}) {
    this.model = new OrderModel(seed, defect);
    this.next = next;
  }

  private readonly next: Next;

  happen(event: Happening): void {
    const { model } = this;
    switch (event.what) {
      case 'saga':
        for (let n = 0; n < event.steps && this.step().do !== 'wait'; n++);
        break;
      case 'answer':
        this.answer(pick([...model.calls.keys()], event.which), event.reply);
        break;
      case 'carrier': {
        const shipment = pick(model.shipments, event.which);
        if (shipment) model.move(shipment, event.to);
        break;
      }
      case 'time':
        model.now += event.ms;
        break;
      case 'allocate':
        model.allocate(event.units);
        break;
      case 'goodwill': {
        const payment = pick(model.payments, event.which);
        if (payment) model.giveBack(payment, event.amountMinor);
        break;
      }
      case 'retry':
      case 'bank': {
        const refund = pick(model.refunds, event.which);
        if (refund && event.what === 'retry') model.retry(refund);
        else if (refund) model.failAtBank(refund);
        break;
      }
      case 'cancel':
        this.refused.clear();
        model.requestCancel();
        break;
      case 'review':
        if (event.outcome === 'rejected') this.refused.clear();
        model.decide(event.outcome);
        break;
      case 'pay':
        model.pay();
        break;
      case 'restart':
        model.restart();
        break;
    }
    expectConsistent(model);
  }

  /** From now on the world answers, and parcels leave: the saga must come to its end. */
  finish(): void {
    const { model } = this;
    for (let rounds = 0; rounds < LONGEST_RUN; rounds++) {
      const step = this.step();
      expectConsistent(model);
      if (step.do === 'finish') {
        expectFinished(model);
        return;
      }
      if (step.do !== 'wait') continue;
      const [call] = model.calls.keys();
      const parcel = model.shipments.find(({ status }) => ['pending', 'booking', 'booked'].includes(status));
      if (call !== undefined) this.answer(call, 'yes');
      else if (parcel) model.move(parcel, LEAVING[parcel.status] ?? 'picked_up');
      else if (step.ms !== null) model.now += Math.max(1, step.ms);
      else {
        hold('what waits without a time waits for stock', model.waiting > 0);
        model.allocate(model.waiting);
      }
    }
    throw new Error('Broken: every order ends once the world answers');
  }

  private step(): NextStep {
    const { model } = this;
    const before = model.progress();
    const underWay = model.underWay;
    const step = this.next(before, underWay);
    if (step.do === 'wait') this.expectNothingDue(step.ms);
    else if (step.do === 'finish') expectFinished(model);
    else {
      this.expectNew(step);
      model.perform(step);
      const isChanged =
        model.underWay.size !== underWay.size || JSON.stringify(model.progress()) !== JSON.stringify(before);
      hold(`a step changes something: ${step.do}`, isChanged);
    }
    return step;
  }

  private answer(id: string | undefined, reply: Reply): void {
    const { model } = this;
    const call = id === undefined ? undefined : model.calls.get(id);
    if (id === undefined || !call) return;
    const isUnwanted = call.kind === 'charge' && !call.wanted && !model.charges.has(call.payment.id);
    model.answer(id, reply);
    if (isUnwanted)
      hold(
        'nothing is captured once its reservation is given up',
        model.charges.get(call.payment.id) !== 'captured',
      );
    if (call.kind === 'stop' && reply === 'no' && call.shipment.status === 'booked')
      this.refused.add(call.shipment.id);
  }

  /** What failed is not tried again before its time, nor what is under way a second time. */
  private expectNew(step: NextStep): void {
    const { model } = this;
    if (step.do === 'stop') {
      hold('one call stops a shipment at a time', !model.underWay.has(step.shipmentId));
      hold('a carrier that refused is not asked again', !this.refused.has(step.shipmentId));
    }
    if (step.do !== 'ask') return;
    const { id, kind } = step.ask;
    hold('what is under way is not asked again', !model.underWay.has(id));
    const row = (kind === 'charge' ? model.payments : model.refunds).find((found) => found.id === id);
    const key = row && 'keyNumber' in row ? row.keyNumber : 0;
    const about = `${id} ${key} ${kind === 'refund' ? row?.status : ''} ${model.now}`;
    hold('the same is not asked twice at one moment', !this.asked.has(about));
    this.asked.add(about);
  }

  private expectNothingDue(ms: number | null): void {
    const {
      asks,
      cancel,
      stopMsLeft,
      stops = [],
      reservations,
      waitingMsLeft,
      reviewMsLeft = null,
    } = this.model.progress();
    const underWay = this.model.underWay;
    const times = [
      ...asks.filter(({ id }) => !underWay.has(id)).map(({ msLeft }) => msLeft),
      ...stops.filter(({ shipmentId }) => !underWay.has(shipmentId)).map(({ msLeft }) => msLeft),
      ...reservations.filter(({ status }) => status === 'pending').map(({ msLeft }) => msLeft),
      ...(waitingMsLeft === null ? [] : [waitingMsLeft]),
      ...(reviewMsLeft === null ? [] : [reviewMsLeft]),
    ];
    const soonest = times.length === 0 ? null : Math.min(...times);
    hold('a request to cancel waits for a carrier only', cancel !== 'open' || stopMsLeft !== null);
    hold('it waits until the earliest that is due', ms === soonest && (ms === null || ms > 0));
  }
}

const LEAVING: Partial<Record<ShipmentStatus, ShipmentStatus>> = { pending: 'booking', booking: 'booked' };

function pick<T>(from: readonly T[], which: number): T | undefined {
  return from.length === 0 ? undefined : from[which % from.length];
}
