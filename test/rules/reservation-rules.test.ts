import {
  decideReservation,
  reservationState,
  type ReservationAction,
  type ReservationState,
} from '../../domain/stock/reservations/rules';

const STATES: readonly ReservationState[] = [
  'pending',
  'due',
  'confirmed',
  'shipped',
  'cancelled',
  'expired',
];

test.each<[ReservationAction, string]>([
  ['confirm', 'do HOLD_EXPIRED done ALREADY_SHIPPED HOLD_RELEASED HOLD_EXPIRED'],
  ['release', 'do do do ALREADY_SHIPPED done done'],
  ['extend', 'do HOLD_EXPIRED HOLD_CONFIRMED ALREADY_SHIPPED HOLD_RELEASED HOLD_EXPIRED'],
  ['ship', 'HOLD_NOT_CONFIRMED HOLD_EXPIRED do done HOLD_RELEASED HOLD_EXPIRED'],
])('to %s a hold that is pending, due, confirmed, shipped, cancelled or expired: %s', (action, decisions) => {
  expect(STATES.map((state) => decideReservation(action, state)).join(' ')).toBe(decisions);
});

test('a charging reservation counts as pending, and one without a due time is never due', () => {
  expect(reservationState('charging', -1)).toBe('pending');
  expect([
    reservationState('pending', 1),
    reservationState('pending', 0),
    reservationState('pending', null),
  ]).toEqual(['pending', 'due', 'pending']);
});
