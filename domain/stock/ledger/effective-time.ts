import type { Queryable } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { selectTimes } from './number-queries';

/**
 * The time that an absolute number, or a correction, takes effect as of, by PostgreSQL's clock: now unless it is given. To be
 * taken when the request begins.
 *
 * @param given RFC 3339; some seconds ahead of our clock it is taken for now
 * @returns RFC 3339, UTC, with microseconds
 * @throws AppError `ASOF_IN_FUTURE`; `ASOF_BEFORE_RETENTION` for a time of which the ledger keeps no entries
 */
export async function effectiveTime(on: Queryable, given?: string): Promise<string> {
  const [time] = await effectiveTimes(on, [given]);
  if (time === undefined) throw new Error('a time was not checked');
  return time;
}

/** The same for several times, in their order. */
export async function effectiveTimes(
  on: Queryable,
  given: readonly (string | undefined)[],
): Promise<string[]> {
  const times = await selectTimes(
    on,
    given.map((time) => time ?? null),
  );
  return times.map(({ asOf, inFuture, isFolded, horizon }, place) => {
    const details = { asOf: given[place] };
    if (inFuture) throw new AppError('ASOF_IN_FUTURE', `It is not ${given[place]} yet.`, details);
    if (isFolded)
      throw new AppError('ASOF_BEFORE_RETENTION', `The ledger is kept from ${horizon} on.`, {
        ...details,
        horizon,
      });
    return asOf;
  });
}
