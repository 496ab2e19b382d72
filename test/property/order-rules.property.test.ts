import fc from 'fast-check';
import { nextStep } from '../../domain/ordering/rules';
import { hasEnded, itemStatus, mayBecome } from '../../domain/orders/rules';
import { ORDER_STATUSES, type OrderStatus } from '../../domain/orders/types';
import { seededRandom } from '../support/random';
import {
  AUTHORIZED,
  AUTHORIZED_SEEDS,
  captureHappening,
  CAPTURED,
  customerHappening,
  disputeHappening,
  happening,
  PAID_SEED,
  REFUNDED,
  refundHappening,
  retryHappening,
  seeds,
  type Happening,
} from './happenings';
import type { Defect, Seed } from './order-rows';
import { OrderRun } from './order-run';

const status = fc.constantFrom(...ORDER_STATUSES);

test('whatever is wished for, an order only ever goes where the table leads, and ends within three changes', () => {
  fc.assert(
    fc.property(fc.array(status, { maxLength: 30 }), (wishes) => {
      let at: OrderStatus = 'reserved';
      const passed: OrderStatus[] = [at];
      for (const wish of wishes) {
        if (!mayBecome(at, wish)) continue;
        expect(hasEnded(at)).toBe(false);
        at = wish;
        passed.push(at);
      }
      expect(new Set(passed).size).toBe(passed.length);
      expect(passed.length).toBeLessThanOrEqual(4);
    }),
  );
});

test('an order that was paid never becomes expired or rejected, whatever happens', () => {
  fc.assert(
    fc.property(fc.array(status, { maxLength: 30 }), (wishes) => {
      let at: OrderStatus = 'paid';
      for (const wish of wishes) if (mayBecome(at, wish)) at = wish;
      expect(['expired', 'rejected', 'reserved']).not.toContain(at);
    }),
  );
});

test('an item has exactly one status, and it is fulfilled or cancelled only when no unit is left to go', () => {
  fc.assert(
    fc.property(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3), (reserved, backordered, fulfilled, cancelled) => {
      const quantity = reserved + backordered + fulfilled + cancelled;
      const got = itemStatus({ quantity, reserved, backordered, fulfilled, cancelled });
      expect(got === 'fulfilled' || got === 'cancelled').toBe(reserved + backordered === 0);
    }),
  );
});

const RUNS = 10_000;
const RUNS_OF_REFUNDS = 5_000;
const RUNS_OF_CAPTURES = 5_000;
const RUNS_OF_CUSTOMERS = 5_000;
const RUNS_OF_DISPUTES = 5_000;
/** A defect is found within a few thousand; so many at most are tried, so that a seed is never unlucky. */
const RUNS_OF_DEFECT = 50_000;

type Rules = ConstructorParameters<typeof OrderRun>[1];

type Sequences = fc.IPropertyWithHooks<[Seed, Happening[]]>;

function run(seed: Seed, events: readonly Happening[], rules: Rules): void {
  const order = new OrderRun(seed, rules);
  for (const event of events) order.happen(event);
  order.finish();
}

/** Whatever happens to an order, in whatever sequence, with these rules. */
function orders(rules: Rules = {}): Sequences {
  const events = fc.array(happening, { maxLength: 40, size: 'max' });
  return fc.property(seeds, events, (seed, all) => run(seed, all, rules));
}

/** Whatever happens to a refund. */
function refunds(rules: Rules = {}): Sequences {
  const events = fc.array(refundHappening, { maxLength: 40, size: 'max' });
  return fc.property(fc.constant(PAID_SEED), events, (seed, all) => run(seed, [...REFUNDED, ...all], rules));
}

/** Whatever happens to captures of two parcels, and to what is voided. */
function captures(rules: Rules = {}): Sequences {
  const events = fc.array(captureHappening, { maxLength: 40, size: 'max' });
  return fc.property(AUTHORIZED_SEEDS, events, (seed, all) => run(seed, [...AUTHORIZED, ...all], rules));
}

/** Whatever happens to one capture. */
function oneCapture(rules: Rules = {}): Sequences {
  const events = fc.array(retryHappening, { maxLength: 40, size: 'max' });
  return fc.property(AUTHORIZED_SEEDS, events, (seed, all) => run(seed, [...CAPTURED, ...all], rules));
}

/** Whatever happens between a customer, cards and the gateway. */
function customers(rules: Rules = {}): Sequences {
  const events = fc.array(customerHappening, { maxLength: 40, size: 'max' });
  return fc.property(seeds, events, (seed, all) => run(seed, all, rules));
}

/** Whatever happens between refunds and disputes of their charge. */
function disputes(rules: Rules = {}): Sequences {
  const events = fc.array(disputeHappening, { maxLength: 40, size: 'max' });
  return fc.property(fc.constant(PAID_SEED), events, (seed, all) => run(seed, [...REFUNDED, ...all], rules));
}

test('whatever happens, no unit and no cent is lost or doubled, nothing is repeated without a change, and every order ends', () => {
  const { seed } = seededRandom();
  fc.assert(orders(), { seed, numRuns: RUNS });
  fc.assert(refunds(), { seed, numRuns: RUNS_OF_REFUNDS });
  fc.assert(captures(), { seed, numRuns: RUNS_OF_CAPTURES });
  fc.assert(customers(), { seed, numRuns: RUNS_OF_CUSTOMERS });
  fc.assert(disputes(), { seed, numRuns: RUNS_OF_DISPUTES });
});

describe('the same finds', () => {
  const defects: [Defect, string][] = [
    ['release-before-final', 'what has left was reserved until then'],
    ['refund-planned-twice', 'is worth what'],
    ['refund-forgotten', 'is worth what'],
    ['unwanted-charge-kept', 'is worth what'],
    ['unwanted-charge-sent', 'once '],
    ['new-key-without-outcome', 'a refund '],
    ['failed-refund-unplanned', 'what is planned to go back is the sum of the refunds'],
    ['ask-stays-due', 'the same is not asked twice at one moment'],
    ['refusal-forgotten', 'a carrier that refused is not asked again'],
    ['rejected-money-kept', 'is worth what'],
    ['approved-not-captured', 'money that is to be taken with the order is'],
  ];

  test.each(defects)('the defect %s of the transactions', (defect, broken) => {
    expect(firstFailure({ defect })).toContain(broken);
  });

  const ofCaptures: [Defect, string][] = [
    ['final-while-another-is-open', 'what is to be captured is still authorised'],
    ['void-while-capture-is-open', 'what is to be captured is still authorised'],
    ['parcel-captured-twice', 'a parcel is captured once'],
    ['captures-at-once', 'captures of a payment are made one at a time'],
    ['new-capture-key-without-outcome', 'a capture '],
    ['refund-before-capture', 'captured'],
    ['refund-of-what-is-not-captured', 'is worth what'],
    ['void-forgotten', 'an authorisation is kept for a capture that failed only'],
    ['surplus-kept', 'captured'],
  ];

  test.each(ofCaptures)('the defect %s of captures', (defect, broken) => {
    expect(firstFailure({ defect }, captures)).toContain(broken);
  });

  const ofCustomers: [Defect, string][] = [
    ['unwanted-authorization-kept', 'nothing of an authorisation stays blocked'],
    ['replaced-payment-serves', 'a reservation has one charge in flight'],
    ['customer-awaited-for-ever', 'every order ends'],
  ];

  test.each(ofCustomers)('the defect %s of charges that wait for their customer', (defect, broken) => {
    expect(firstFailure({ defect }, customers)).toContain(broken);
  });

  const ofDisputes: [Defect, string][] = [
    ['dispute-ignored', 'nothing is refunded while it is disputed'],
    ['lost-money-refunded', 'what a lost dispute has taken is not refunded'],
    ['unanswered-refund-not-counted', 'what a lost dispute has taken is not refunded'],
    ['unanswered-refund-ended', 'a refund '],
    ['late-dispute-wins', 'our books say of a dispute what the gateway says'],
    ['dispute-closes-unseen', 'a refund that nothing holds back is not left waiting'],
  ];

  test.each(ofDisputes)('the defect %s of disputes', (defect, broken) => {
    expect(firstFailure({ defect }, disputes)).toContain(broken);
  });

  test('the defect superseded-key-wins, of two calls about one capture', () => {
    expect(firstFailure({ defect: 'superseded-key-wins' }, oneCapture)).toContain('a capture ');
  });

  test('the defect late-failure-wins, of two calls about one refund', () => {
    expect(firstFailure({ defect: 'late-failure-wins' }, refunds)).toContain('a refund ');
  });

  const steps: [string, typeof nextStep, string][] = [
    [
      'finishes while money is to be given back',
      (given, underWay) => nextStep(hasEnded(given.status) ? { ...given, asks: [] } : given, underWay),
      'Broken: ',
    ],
    ['calls again what is under way', (given) => nextStep(given), 'Broken: '],
    [
      'waits for one ask while another is due',
      (given, underWay) => nextStep({ ...given, asks: given.asks.slice(-1) }, underWay),
      'Broken: it waits until the earliest that is due',
    ],
    [
      'lets nothing expire',
      (given, underWay) =>
        nextStep({ ...given, reservations: given.reservations.filter((one) => one.msLeft > 0) }, underWay),
      // By what it waits for, or by how long: whichever the seed comes to first.
      'Broken: ',
    ],
    [
      'forgets the deadline of a review',
      (given, underWay) => nextStep({ ...given, reviewMsLeft: null }, underWay),
      'Broken: it waits until the earliest that is due',
    ],
    [
      'keeps a request to cancel open',
      (given, underWay) => {
        const step = nextStep(given, underWay);
        return step.do === 'conclude-cancel' ? { do: 'wait', for: 'shipment', ms: null } : step;
      },
      'Broken: a request to cancel waits for a carrier only',
    ],
    [
      'leaves stopped units reserved',
      (given, underWay) => nextStep({ ...given, unreleasedShipments: 0 }, underWay),
      'Broken: ',
    ],
    [
      'captures nothing of what has left',
      (given, underWay) => nextStep({ ...given, mayCapture: false }, underWay),
      'Broken: ',
    ],
    [
      'lets authorisations lapse',
      (given, underWay) => nextStep({ ...given, lapseMsLeft: null }, underWay),
      'Broken: it waits until the earliest that is due',
    ],
    [
      'voids nothing',
      (given, underWay) =>
        nextStep({ ...given, asks: given.asks.filter(({ kind }) => kind !== 'void') }, underWay),
      'Broken: ',
    ],
  ];

  test.each(steps)('a next step that %s', (_name, next, broken) => {
    expect(firstFailure({ next })).toContain(broken);
  });

  function firstFailure(rules: Rules, property: (rules: Rules) => Sequences = orders): string {
    const { seed } = seededRandom();
    const found = fc.check(property(rules), { seed, numRuns: RUNS_OF_DEFECT, endOnFailure: true });
    return found.errorInstance instanceof Error ? found.errorInstance.message : 'nothing';
  }
});
