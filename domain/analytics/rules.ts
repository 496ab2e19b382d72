import type { Grain } from './types';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A range of time whose sums are read from one table; times are milliseconds since 1970, `to` not in it. `-Infinity`: from the begin. */
export interface Piece {
  grain: Grain;
  from: number;
  to: number;
}

/** The begin of the month (UTC) that a time is in, and of the one after it. */
function monthOf(at: number): { begin: number; next: number } {
  const date = new Date(at);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return { begin: Date.UTC(year, month), next: Date.UTC(year, month + 1) };
}

const up = (at: number, size: number) => Math.ceil(at / size) * size;
const down = (at: number, size: number) => Math.floor(at / size) * size;

/**
 * The fewest buckets that together are a range: whole months, days at their edges, and hours at the edges of those.
 *
 * @param from a whole hour, or `-Infinity`
 * @param to a whole hour
 */
export function piecesOf(from: number, to: number): Piece[] {
  if (to <= from) return [];
  const [firstDay, lastDay] = [from === -Infinity ? from : up(from, DAY_MS), down(to, DAY_MS)];
  if (firstDay > lastDay) return [{ grain: 'hour', from, to }];
  const { begin, next } = monthOf(firstDay);
  const [firstMonth, lastMonth] = [
    firstDay === -Infinity || firstDay === begin ? firstDay : next,
    monthOf(lastDay).begin,
  ];
  const byDay: Piece[] =
    firstMonth >= lastMonth
      ? [{ grain: 'day', from: firstDay, to: lastDay }]
      : [
          { grain: 'day', from: firstDay, to: firstMonth },
          { grain: 'month', from: firstMonth, to: lastMonth },
          { grain: 'day', from: lastMonth, to: lastDay },
        ];
  return [
    { grain: 'hour' as const, from, to: firstDay },
    ...byDay,
    { grain: 'hour' as const, from: lastDay, to },
  ].filter((piece) => piece.from < piece.to);
}

/** A ratio of whole numbers, to six digits after the point; null where it is over nothing. */
export function ratio(part: bigint | number, whole: bigint | number): number | null {
  const [over, under] = [Number(part), Number(whole)];
  return under === 0 ? null : Math.round((over / under) * 1e6) / 1e6;
}

/** By how much more there is now than before, as a share of before; null where there was nothing. */
export function growth(now: bigint, before: bigint): number | null {
  return ratio(now - before, before < 0n ? -before : before);
}

/** For how many days units have been on hand; `unknown`: it is not known when they came. */
export const AGE_BUCKETS = ['upTo30', 'upTo90', 'upTo180', 'upTo365', 'older', 'unknown'] as const;
export type AgeBucket = (typeof AGE_BUCKETS)[number];

/** Days from one to another, `YYYY-MM-DD`. */
function daysBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / DAY_MS;
}

/** @param came the day; null: it is not known */
export function ageOf(came: string | null, last: string): AgeBucket {
  if (came === null) return 'unknown';
  const days = daysBetween(came, last);
  if (days <= 30) return 'upTo30';
  if (days <= 90) return 'upTo90';
  if (days <= 180) return 'upTo180';
  return days <= 365 ? 'upTo365' : 'older';
}

/** `none`: nothing is on hand. */
export type Movement = 'active' | 'slow' | 'dead' | 'none';

/** What is on hand and was not sold for so many days is slow, or dead. */
const SLOW_DAYS = 90;
const DEAD_DAYS = 180;

/**
 * @param lastSold null: not since `from`
 * @param period its first and its last day, and whether something is on hand at its end
 */
export function movementOf(
  lastSold: string | null,
  { from, last, isHeld }: { from: string; last: string; isHeld: boolean },
): Movement {
  if (!isHeld) return 'none';
  const days = daysBetween(lastSold ?? from, last);
  if (days >= DEAD_DAYS) return 'dead';
  return days >= SLOW_DAYS ? 'slow' : 'active';
}

/** How much what is sold varies from week to week: XYZ analysis. */
export interface Variability {
  /** X: hardly; Y: some; Z: much. */
  xyz: 'X' | 'Y' | 'Z';
  /** The standard deviation of weeks (of a sample) over their mean. */
  coefficient: number;
}

const WEEK = 7;
const FEWEST_WEEKS = 4;
const X_UP_TO = 0.5;
const Y_UP_TO = 1;

/**
 * Of the whole weeks that end with the last day. Null: there are fewer than four, or nothing was sold in them.
 *
 * @param sold by day
 */
export function variabilityOf(sold: readonly number[]): Variability | null {
  const weeks = Array.from({ length: Math.floor(sold.length / WEEK) }, (_, n) => {
    const end = sold.length - n * WEEK;
    return sold.slice(end - WEEK, end).reduce((sum, units) => sum + units, 0);
  });
  const mean = weeks.reduce((sum, units) => sum + units, 0) / weeks.length;
  if (weeks.length < FEWEST_WEEKS || mean === 0) return null;
  const variance = weeks.reduce((sum, units) => sum + (units - mean) ** 2, 0) / (weeks.length - 1);
  const coefficient = ratio(Math.sqrt(variance), mean) ?? 0;
  if (coefficient <= X_UP_TO) return { xyz: 'X', coefficient };
  return { xyz: coefficient <= Y_UP_TO ? 'Y' : 'Z', coefficient };
}
