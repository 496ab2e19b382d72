import fc from 'fast-check';
import { nextStep } from '../../domain/ordering/rules';
import type { ReservationProgress, OrderProgress } from '../../domain/ordering/types';
import { hasEnded, itemStatus, mayBecome } from '../../domain/orders/rules';
import { ORDER_STATUSES, type OrderStatus } from '../../domain/orders/types';
import { SHIPMENT_STATUSES } from '../../domain/fulfilment/types';

const status = fc.constantFrom(...ORDER_STATUSES);
const hold: fc.Arbitrary<ReservationProgress> = fc.record({
  reservationId: fc.uuid(),
  seq: fc.integer({ min: 1, max: 5 }),
  status: fc.constantFrom('pending', 'charging', 'confirmed'),
  attempt: fc.integer({ min: 0, max: 3 }),
  expiresAt: fc.constant('2030-01-01T00:00:00.000Z'),
  msLeft: fc.integer({ min: -5_000, max: 5_000 }),
});
const progress: fc.Arbitrary<OrderProgress> = fc.record({
  orderId: fc.uuid(),
  status,
  failureCode: fc.constant(null),
  reservations: fc.array(hold, { maxLength: 4 }),
  charge: fc.option(
    fc.record({
      paymentId: fc.uuid(),
      reservationId: fc.uuid(),
      status: fc.constantFrom('pending' as const, 'unknown' as const),
      ageSeconds: fc.nat(),
    }),
  ),
  hasPaymentMethod: fc.boolean(),
  cancelRequested: fc.boolean(),
  waitingUnits: fc.nat(3),
  shipments: fc.dictionary(fc.constantFrom(...SHIPMENT_STATUSES), fc.nat(2)),
  unreleasedShipments: fc.nat(2),
  pendingRefunds: fc.nat(2),
});

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

test('the next step never forgets money: nothing finishes or waits while a charge or refund is open', () => {
  fc.assert(
    fc.property(progress, (given) => {
      const step = nextStep(given);
      if (given.charge || given.pendingRefunds > 0)
        expect(['finish', 'wait', 'expire']).not.toContain(step.do);
      if (given.charge) expect(step.do).toBe('charge');
    }),
  );
});

test('the next step finishes only what has ended, and waits only while no reservation is due', () => {
  fc.assert(
    fc.property(progress, (given) => {
      const step = nextStep(given);
      const due = given.reservations.filter((h) => h.status === 'pending' && h.msLeft <= 0);
      if (step.do === 'finish') expect(hasEnded(given.status)).toBe(true);
      if (step.do === 'wait') expect(due).toEqual([]);
      if (step.do === 'expire') expect(due.map((h) => h.reservationId)).toContain(step.reservationId);
      if (step.do === 'wait' && step.for === 'payment') {
        const pending = given.reservations.filter((h) => h.status === 'pending');
        expect(step.reservation.msLeft).toBe(Math.min(...pending.map((h) => h.msLeft)));
      }
    }),
  );
});

test('what is charged without asking was never tried, is not past due and has a method', () => {
  fc.assert(
    fc.property(progress, (given) => {
      const step = nextStep(given);
      if (step.do !== 'begin-charge') return;
      const charged = given.reservations.filter((h) => h.reservationId === step.reservationId);
      expect(given.hasPaymentMethod).toBe(true);
      expect(charged.some((h) => h.status === 'pending' && h.attempt === 0 && h.msLeft > 0)).toBe(true);
    }),
  );
});
