import fc from 'fast-check';
import {
  afterReturnEvent,
  isSettled,
  RETURN_TRANSITIONS,
  returnHasEnded,
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
