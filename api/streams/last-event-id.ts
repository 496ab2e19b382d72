import { invalid } from '../http/problems';

const LAST_EVENT_ID = /^\d{1,9}$/;

/** The number of the last message that a client of a stream has seen; 0 when it has seen none. */
export function lastEventId(given: string | undefined): number {
  if (given === undefined || given === '') return 0;
  if (LAST_EVENT_ID.test(given)) return Number(given);
  throw invalid([{ path: 'Last-Event-ID', message: 'must be the id of a message of this stream' }]);
}
