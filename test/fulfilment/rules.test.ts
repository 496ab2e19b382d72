import fc from 'fast-check';
import {
  afterBooking,
  afterCarrierEvent,
  afterVoid,
  beginVoid,
  hasLeft,
  mayStillLeave,
  SHIPMENT_TRANSITIONS,
  shipmentMayBecome,
  type CarrierEffect,
} from '../../domain/fulfilment/rules';
import type { CarrierEventType, ShipmentStatus } from '../../domain/fulfilment/types';

const STATUSES = Object.keys(SHIPMENT_TRANSITIONS) as ShipmentStatus[];
const EVENTS: CarrierEventType[] = ['picked_up', 'delivered', 'failed'];

test('only these changes of status may happen', () => {
  const allowed = STATUSES.flatMap((from) =>
    STATUSES.filter((to) => shipmentMayBecome(from, to)).map((to) => `${from} > ${to}`),
  );
  expect(allowed.sort()).toEqual(
    [
      'pending > booking',
      'pending > voided',
      'booking > booked',
      'booking > picked_up',
      'booking > voiding',
      'booking > failed',
      'booked > picked_up',
      'booked > voiding',
      'booked > failed',
      'voiding > voided',
      'voiding > booked',
      'voiding > picked_up',
      'voiding > failed',
      'picked_up > delivered',
    ].sort(),
  );
});

/** The whole table: what each update does in each status. */
const EFFECTS: Record<ShipmentStatus, Record<CarrierEventType, string>> = {
  pending: { picked_up: 'stale', delivered: 'stale', failed: 'stale' },
  booking: { picked_up: 'picked_up', delivered: 'picked_up, delivered', failed: 'failed' },
  booked: { picked_up: 'picked_up', delivered: 'picked_up, delivered', failed: 'failed' },
  picked_up: { picked_up: 'stale', delivered: 'delivered', failed: 'lost' },
  delivered: { picked_up: 'stale', delivered: 'stale', failed: 'stale' },
  voiding: { picked_up: 'picked_up', delivered: 'picked_up, delivered', failed: 'failed' },
  voided: { picked_up: 'left', delivered: 'left, delivered', failed: 'stale' },
  failed: { picked_up: 'left', delivered: 'left, delivered', failed: 'stale' },
};

function told(effect: CarrierEffect): string {
  if (effect.effect === 'moves') return effect.through.join(', ');
  return effect.effect === 'left_after_stop' ? effect.news.join(', ') : effect.effect;
}

test.each(STATUSES.flatMap((status) => EVENTS.map((type) => [status, type] as const)))(
  'a shipment that is %s takes the update %s as the table says',
  (status, type) => {
    const standing = { status, leftAfterStop: false, deliveredAfterStop: false };
    expect(told(afterCarrierEvent(standing, type))).toBe(EFFECTS[status][type]);
  },
);

test('that a stopped shipment has left, and that it was delivered, is told once each', () => {
  for (const status of ['voided', 'failed'] as const) {
    const left = { status, leftAfterStop: true, deliveredAfterStop: false };
    expect(EVENTS.map((type) => told(afterCarrierEvent(left, type)))).toEqual(['stale', 'delivered', 'lost']);
    const delivered = { ...left, deliveredAfterStop: true };
    expect(EVENTS.map((type) => told(afterCarrierEvent(delivered, type)))).toEqual([
      'stale',
      'stale',
      'stale',
    ]);
  }
});

test('the result of a booking counts only while the booking is waited for', () => {
  for (const status of STATUSES) {
    expect(afterBooking(status, 'booked')).toBe(status === 'booking' ? 'booked' : null);
    expect(afterBooking(status, 'refused')).toBe(status === 'booking' ? 'failed' : null);
  }
});

test('the result of a void counts only while the void is waited for', () => {
  for (const status of STATUSES) {
    expect(afterVoid(status, 'voided')).toBe(status === 'voiding' ? 'voided' : null);
    expect(afterVoid(status, 'refused')).toBe(status === 'voiding' ? 'booked' : null);
  }
});

test('only what the carrier has never heard of is voided without asking it', () => {
  const begun = STATUSES.map((status) => [status, beginVoid(status)]).filter(([, to]) => to !== null);
  expect(begun).toEqual([
    ['pending', 'voided'],
    ['booking', 'voiding'],
    ['booked', 'voiding'],
  ]);
});

type Step =
  | { by: 'carrier'; type: CarrierEventType }
  | { by: 'claim' }
  | { by: 'booking'; outcome: 'booked' | 'refused' }
  | { by: 'begin-void' }
  | { by: 'void'; answer: 'voided' | 'refused' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ by: fc.constant('carrier' as const), type: fc.constantFrom(...EVENTS) }),
  fc.record({ by: fc.constant('claim' as const) }),
  fc.record({
    by: fc.constant('booking' as const),
    outcome: fc.constantFrom('booked' as const, 'refused' as const),
  }),
  fc.record({ by: fc.constant('begin-void' as const) }),
  fc.record({
    by: fc.constant('void' as const),
    answer: fc.constantFrom('voided' as const, 'refused' as const),
  }),
);

function take(status: ShipmentStatus, next: Step): readonly ShipmentStatus[] {
  switch (next.by) {
    case 'carrier': {
      const standing = { status, leftAfterStop: false, deliveredAfterStop: false };
      const outcome = afterCarrierEvent(standing, next.type);
      return outcome.effect === 'moves' ? outcome.through : [];
    }
    case 'claim':
      return status === 'pending' ? ['booking'] : [];
    case 'booking':
      return [afterBooking(status, next.outcome) ?? []].flat();
    case 'begin-void':
      return [beginVoid(status) ?? []].flat();
    case 'void':
      return [afterVoid(status, next.answer) ?? []].flat();
  }
}

test('whatever happens in whatever order, a shipment obeys the table, leaves once and never comes back', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const path: ShipmentStatus[] = ['pending'];
      for (const next of steps) {
        for (const to of take(path.at(-1)!, next)) {
          expect(shipmentMayBecome(path.at(-1)!, to)).toBe(true);
          path.push(to);
        }
      }
      expect(path.filter((status) => status === 'picked_up').length).toBeLessThanOrEqual(1);
      const left = path.findIndex(hasLeft);
      if (left >= 0) {
        expect(path[left]).toBe('picked_up');
        expect(path.slice(left).every(hasLeft)).toBe(true);
      }
      const gone = path.findIndex((status) => !mayStillLeave(status));
      if (gone >= 0) expect(path.slice(gone).some(mayStillLeave)).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});
