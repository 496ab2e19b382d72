import { decideHold, holdState, type HoldAction, type HoldState } from '../../domain/holds/rules';

const STATES: readonly HoldState[] = ['pending', 'due', 'confirmed', 'shipped', 'cancelled', 'expired'];

test.each<[HoldAction, string]>([
  ['confirm', 'do HOLD_EXPIRED done ALREADY_SHIPPED HOLD_RELEASED HOLD_EXPIRED'],
  ['release', 'do do do ALREADY_SHIPPED done done'],
  ['extend', 'do HOLD_EXPIRED HOLD_CONFIRMED ALREADY_SHIPPED HOLD_RELEASED HOLD_EXPIRED'],
  ['ship', 'HOLD_NOT_CONFIRMED HOLD_EXPIRED do done HOLD_RELEASED HOLD_EXPIRED'],
])('to %s a hold that is pending, due, confirmed, shipped, cancelled or expired: %s', (action, decisions) => {
  expect(STATES.map((state) => decideHold(action, state)).join(' ')).toBe(decisions);
});

test('a charging hold counts as pending, and one without a due time is never due', () => {
  expect(holdState('charging', -1)).toBe('pending');
  expect([holdState('pending', 1), holdState('pending', 0), holdState('pending', null)]).toEqual([
    'pending',
    'due',
    'pending',
  ]);
});
