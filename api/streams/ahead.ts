import type { AppError } from '../../platform/errors';
import { problem } from '../http/problems';

/** Refuses a position that there is not yet: `EVENTS_AHEAD`, with the `newest`. */
export function positionAhead(newest: number): AppError {
  return problem(
    'EVENTS_AHEAD',
    `The newest position is ${newest}. One beyond it is of another database, or of a later state of this one: begin without a position.`,
    { newest },
  );
}
