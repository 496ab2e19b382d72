import { invalid } from '../http/problems';

/** Below 2^53; those of `int` columns have nine at most. */
const LONG = /^\d{1,15}$/;
const SHORT = /^\d{1,9}$/;

/** The number of the last message that a client of a stream has seen; 0 when it has seen none. */
export function lastEventId(given: string | undefined): number {
  return numberIn(given, SHORT) ?? 0;
}

/** The same of a stream whose messages have positions; undefined when it has seen none. */
export function lastPosition(given: string | undefined): number | undefined {
  return numberIn(given, LONG);
}

function numberIn(given: string | undefined, shape: RegExp): number | undefined {
  if (given === undefined || given === '') return undefined;
  if (shape.test(given)) return Number(given);
  throw invalid([{ path: 'Last-Event-ID', message: 'must be the id of a message of this stream' }]);
}
