import fc from 'fast-check';
import {
  afterReturnEvent,
  isSettled,
  refundOfUnit,
  RETURN_TRANSITIONS,
  returnHasEnded,
  sourcesOf,
} from '../../domain/warehousing/returns/rules';
import type { ReturnEvent, ReturnStatus } from '../../domain/warehousing/returns/types';

const STATUSES = Object.keys(RETURN_TRANSITIONS) as ReturnStatus[];
const EVENTS: ReturnEvent[] = ['receive', 'inspect', 'complete', 'expire', 'cancel'];

/** What may happen, said a second time and in other words. */
function mayHappen(status: ReturnStatus, event: ReturnEvent): boolean {
  if (status === 'authorised') return event === 'receive' || event === 'expire' || event === 'cancel';
  return status === 'received' && event !== 'cancel';
}

test('each event happens in exactly the statuses in which it makes sense', () => {
  for (const status of STATUSES) {
    for (const event of EVENTS) {
      expect({ status, event, happens: afterReturnEvent(status, event) !== null }).toEqual({
        status,
        event,
        happens: mayHappen(status, event),
      });
    }
  }
});

test('whatever happens in whatever order: an end is final, and once goods came in a return is only ever completed', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 30 }), (events) => {
      let status: ReturnStatus = 'authorised';
      let received = false;
      for (const event of events) {
        const next = afterReturnEvent(status, event);
        if (returnHasEnded(status)) expect(next).toBeNull();
        if (next === null) continue;
        status = next;
        received ||= event === 'receive';
        if (received) expect(['received', 'completed']).toContain(status);
        if (event === 'complete') expect(received).toBe(true);
      }
    }),
  );
});

test('a return is settled exactly when every unit that came is decided and none may still come', () => {
  const line = fc
    .tuple(fc.nat(5), fc.nat(5), fc.nat(5), fc.nat(5))
    .map(([restocked, writtenOff, uninspected, outstanding]) => ({
      restocked,
      writtenOff,
      received: restocked + writtenOff + uninspected,
      quantity: restocked + writtenOff + uninspected + outstanding,
      open: uninspected,
      outstanding,
    }));
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 5 }), fc.boolean(), (lines, closed) => {
      const expected = lines.every((each) => each.open === 0 && (closed || each.outstanding === 0));
      expect(isSettled(lines, closed)).toBe(expected);
    }),
  );
});

const price = fc.oneof(fc.nat(5_000), fc.nat(Number.MAX_SAFE_INTEGER));
const percent = fc.nat(10_000).map((hundredths) => hundredths / 100);

test('what goes back for a unit is its price less the fee, rounded half up, between nothing and the price', () => {
  fc.assert(
    fc.property(price, percent, (unitPriceMinor, feePercent) => {
      const back = refundOfUnit(unitPriceMinor, { percent: feePercent });
      expect(back).toBeGreaterThanOrEqual(0);
      expect(back).toBeLessThanOrEqual(unitPriceMinor);
      // Said a second time: the fee is at most half a minor unit off, and upwards where it is exactly half.
      const exact = BigInt(unitPriceMinor) * BigInt(Math.round(feePercent * 100));
      const off = BigInt(unitPriceMinor - back) * 10_000n - exact;
      expect(off).toBeLessThanOrEqual(5_000n);
      expect(off).toBeGreaterThan(-5_000n);
    }),
  );
  fc.assert(
    fc.property(price, fc.nat(10_000), (unitPriceMinor, amountMinor) => {
      const back = refundOfUnit(unitPriceMinor, { amountMinor });
      expect(back).toBe(amountMinor > unitPriceMinor ? 0 : unitPriceMinor - amountMinor);
    }),
  );
  expect(refundOfUnit(1_000, null)).toBe(1_000);
});

test('inspections one after the other take each shipped unit once, oldest first', () => {
  const steps = fc.array(fc.nat(6), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(fc.nat(6), { maxLength: 5 }), steps, fc.nat(6), (quantities, inspections, old) => {
      const shipped = quantities.map((quantity, index) => ({ reservationId: `r${index}`, quantity }));
      const all = shipped.flatMap(({ reservationId, quantity }) =>
        Array<string>(quantity).fill(reservationId),
      );
      const unknown = Math.min(old, all.length);
      const before = new Map<string, number>();
      const taken: string[] = all.slice(0, unknown);
      for (const units of inspections) {
        const sources = sourcesOf(units, shipped, { before, unknown });
        for (const { reservationId, quantity } of sources) {
          before.set(reservationId, (before.get(reservationId) ?? 0) + quantity);
          taken.push(...Array<string>(quantity).fill(reservationId));
        }
      }
      const wanted = unknown + inspections.reduce((sum, units) => sum + units, 0);
      expect(taken).toEqual(all.slice(0, wanted));
    }),
  );
});
