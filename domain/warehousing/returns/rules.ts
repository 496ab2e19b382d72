import type { ReturnEvent, ReturnLine, ReturnProgress, ReturnStatus } from './types';

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
