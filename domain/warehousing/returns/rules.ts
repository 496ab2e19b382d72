import type { RestockingFee, ReturnEvent, ReturnLine, ReturnProgress, ReturnStatus } from './types';

/** The life of a return. What is not in here cannot happen. */
export const RETURN_TRANSITIONS: Readonly<
  Record<ReturnStatus, Partial<Readonly<Record<ReturnEvent, ReturnStatus>>>>
> = {
  authorised: { receive: 'received', expire: 'expired', cancel: 'cancelled' },
  received: { receive: 'received', inspect: 'received', expire: 'received', complete: 'completed' },
  completed: {},
  expired: {},
  cancelled: {},
};

/** The status after an event, or null where it cannot happen. */
export function afterReturnEvent(status: ReturnStatus, event: ReturnEvent): ReturnStatus | null {
  return RETURN_TRANSITIONS[status][event] ?? null;
}

export function returnHasEnded(status: ReturnStatus): boolean {
  return Object.keys(RETURN_TRANSITIONS[status]).length === 0;
}

/** Everything that is here is inspected, and nothing more may come. */
export function isSettled(
  lines: readonly Pick<ReturnLine, 'quantity' | 'received' | 'restocked' | 'writtenOff'>[],
  closedToArrivals: boolean,
): boolean {
  return lines.every(
    (line) =>
      line.restocked + line.writtenOff === line.received &&
      (closedToArrivals || line.received === line.quantity),
  );
}

/**
 * What goes back for one returned unit, minor units. A fee in percent is rounded half up on the unit, so that units give back the
 * same whether they are inspected together or one by one.
 */
export function refundOfUnit(unitPriceMinor: number, fee: RestockingFee | null): number {
  if (fee === null) return unitPriceMinor;
  const feeMinor = 'percent' in fee ? percentOf(unitPriceMinor, fee.percent) : fee.amountMinor;
  return Math.max(0, unitPriceMinor - feeMinor);
}

/** In whole numbers: hundredths of a percent of a large price are beyond what a double counts exactly. */
function percentOf(amountMinor: number, percent: number): number {
  const hundredths = BigInt(Math.round(percent * 100));
  return Number((BigInt(amountMinor) * hundredths + 5_000n) / 10_000n);
}

/** Units of one product that were shipped for a reservation. */
export interface ShippedUnits {
  reservationId: string;
  quantity: number;
}

/**
 * Which reservations returned units of one product were shipped for: which parcel a unit came from cannot be told, so the oldest
 * come back first.
 *
 * @param shipped oldest first
 * @param before units that came back before, by reservation
 * @param unknown units that came back before of which that was not recorded
 * @returns reservations with units, oldest first
 */
export function sourcesOf(
  units: number,
  shipped: readonly ShippedUnits[],
  { before, unknown }: { before: ReadonlyMap<string, number>; unknown: number },
): ShippedUnits[] {
  let skip = unknown;
  let open = units;
  const sources: ShippedUnits[] = [];
  for (const { reservationId, quantity } of shipped) {
    const left = quantity - (before.get(reservationId) ?? 0);
    const skipped = Math.min(skip, left);
    skip -= skipped;
    const taken = Math.min(open, left - skipped);
    open -= taken;
    if (taken > 0) sources.push({ reservationId, quantity: taken });
  }
  return sources;
}

/** What an operator reads in the Temporal UI. */
export function returnInWords(progress: ReturnProgress): string {
  const { status, awaited, uninspected, restocked, writtenOff } = progress;
  const done = `\n\nSo far: ${restocked} restocked, ${writtenOff} written off.`;
  switch (status) {
    case 'authorised':
      return `Waiting for the goods: ${units(awaited)} may come in.`;
    case 'received':
      return `Waiting ${[
        ...(uninspected > 0 ? [`for the inspection of ${units(uninspected)}`] : []),
        ...(awaited > 0 ? [`for ${units(awaited)} more to come in`] : []),
      ].join(' and ')}.${done}`;
    case 'completed':
      return `Completed: ${restocked} restocked, ${writtenOff} written off.`;
    case 'expired':
      return 'Expired: nothing came in while it was authorised.';
    case 'cancelled':
      return 'Cancelled before anything came in.';
  }
}

function units(count: number): string {
  return count === 1 ? '1 unit' : `${count} units`;
}
