import type { OpenLine } from '../stock/reservations/reservations';

type Units = Pick<OpenLine, 'reservationId' | 'openQuantity'>;

/** The reservations that keep nothing but what is given up of them. */
export function emptiedBy(givenUp: readonly Units[], kept: readonly Units[]): string[] {
  const units = unitsByReservation(kept);
  return [...unitsByReservation(givenUp)].filter(([id, given]) => units.get(id) === given).map(([id]) => id);
}

function unitsByReservation(lines: readonly Units[]): Map<string, number> {
  const units = new Map<string, number>();
  for (const { reservationId, openQuantity } of lines)
    units.set(reservationId, (units.get(reservationId) ?? 0) + openQuantity);
  return units;
}
