import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { openSnapshot } from '../../platform/database/snapshot';
import { dayAfter, daysAfter } from '../../platform/days';
import { AppError } from '../../platform/errors';
import { expectZone, inZone } from '../reports/zones';
import type { ReadPeriod } from './groups-queries';
import { selectBegins, selectPlace, type Place } from './read-queries';

/** Whole days, `YYYY-MM-DD`, of a time zone; `to` is not in it. */
export interface AnalyticsPeriod {
  from: string;
  to: string;
  /** IANA name of a zone that is whole hours off UTC. */
  tz: string;
}

/** Up to when and where what is told goes. */
export interface Standing {
  /** RFC 3339 UTC: all that was committed by then is in it; where it is stale, all that had a position by then. */
  asOf: string;
  /** Of the stream, up to which sums are kept. */
  position: number;
  /** The sums lack so much that what came after the position is left out. */
  stale: boolean;
}

/** Rows that are read beside the sums, at most. */
export const LONGEST_TAIL = 50_000;

/**
 * Runs `work` in one snapshot, with how far the sums are.
 *
 * @param longestTail rows that are read beside the sums, at most
 * @throws AppError `ANALYTICS_BUILDING`
 */
export function withSums<T>(
  db: Database,
  longestTail: number,
  work: (tx: Transaction, standing: Standing, place: Place) => Promise<T>,
): Promise<T> {
  return db.transaction(async (tx) => {
    await openSnapshot(tx);
    const place = await selectPlace(tx);
    if (!place.isReady)
      throw new AppError(
        'ANALYTICS_BUILDING',
        'What was there before there were analytics is being summed.',
        {
          retryAfter: 10,
        },
      );
    const stale = place.tail > longestTail;
    const asOf = stale ? (place.numberedAt ?? place.asOf) : place.asOf;
    return work(tx, { asOf, position: place.position, stale }, place);
  });
}

export interface PeriodRead {
  read: ReadPeriod;
  /** That have passed of it. */
  seconds: number;
  isOver: boolean;
  /** All of the period before is known, and this one has ended. */
  isComparable: boolean;
}

const DAY_MS = 86_400_000;

/**
 * When a period and the one before it, of as many days, begin and end.
 *
 * @throws AppError `UNKNOWN_ZONE`, `ZONE_NOT_WHOLE_HOURS`, `VALIDATION_FAILED`, `ASOF_BEFORE_RETENTION`
 */
export async function readPeriodOf(
  on: Queryable,
  { from, to, tz }: AnalyticsPeriod,
  { asOf, place, onlyUtc }: { asOf: string; place: Place; onlyUtc: boolean },
): Promise<PeriodRead> {
  expectZone(tz);
  if (onlyUtc && tz !== 'UTC') throw invalid('tz', 'must be UTC: sums of products are of days of UTC');
  const days = daysAfter(from, to);
  const before = dayAfter(from, -days);
  const begins = await inZone(tz, selectBegins(on, { before, from, to, tz }));
  if (!begins.isWholeHours)
    throw new AppError(
      'ZONE_NOT_WHOLE_HOURS',
      `Days of ${tz} do not begin with an hour of UTC: sums are by such hours.`,
    );
  if (begins.from >= asOf) throw invalid('from', 'must have begun');
  const known = [place.knownFrom, isOfUtc(begins) ? null : place.hoursFrom].flatMap((at) => at ?? []);
  const isKnown = (at: string) => known.every((since) => at >= since);
  if (!isKnown(begins.from))
    throw new AppError(
      'ASOF_BEFORE_RETENTION',
      `Nothing is known of days before ${known.sort().at(-1) ?? ''}.`,
    );
  const isOver = begins.to <= asOf;
  const until = isOver ? begins.to : asOf;
  return {
    read: { before: begins.before, from: begins.from, to: begins.to, until },
    seconds: Math.floor(Date.parse(until) / 1_000) - Date.parse(begins.from) / 1_000,
    isOver,
    isComparable: isOver && isKnown(begins.before),
  };
}

/** Its days are those of UTC, by which more is kept. */
function isOfUtc({ from, to }: { from: string; to: string }): boolean {
  return [from, to].every((at) => Date.parse(at) % DAY_MS === 0);
}

function invalid(path: string, message: string): AppError {
  return new AppError('VALIDATION_FAILED', `${path} ${message}.`, { errors: [{ path, message }] });
}
