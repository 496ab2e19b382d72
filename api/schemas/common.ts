import { z } from 'zod';
import { codeKey } from '../../domain/stock/tracking/rules';
import { cursorOf } from '../http/cursor';

/** What PostgreSQL cannot keep (NUL, half of a surrogate pair) and what does not belong on one line. */
const UNFIT = /[\p{Cc}\p{Cs}]/u;

/** Text of one line. Not a pattern: those with Unicode classes cannot be said in JSON Schema. */
export function line(max: number) {
  return fit(z.string(), max);
}

/** What names a product, a warehouse or a category: as people see it, without blanks around it and composed (NFC). */
export function name(max: number) {
  return fit(z.string().trim().normalize('NFC'), max);
}

function fit(text: z.ZodString, max: number) {
  return text
    .min(1)
    .max(max)
    .refine((text) => !UNFIT.test(text), 'must not contain control characters');
}

/** Code of a lot, or a serial number: without the blanks around it. */
export const unitCode = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .refine((text) => !UNFIT.test(text), 'must not contain control characters')
  .refine((text) => codeKey(text) !== '', 'must have characters that are seen');

export const sku = name(100).meta({ description: 'Stock keeping unit', examples: ['LAPTOP-001'] });
export const warehouseCode = name(50).meta({ description: 'Code of a warehouse', examples: ['AMS'] });
/** In a query. */
export const flag = z.enum(['true', 'false']).transform((given) => given === 'true');
export const uuid = z.uuid().toLowerCase();
export const time = z.iso.datetime({ offset: true, abort: true }).meta({ description: 'RFC 3339' });

/** PostgreSQL takes offsets below 16 hours. */
const FAR_OFFSET = /[+-](1[6-9]|2\d):\d\d$/;

const storableTime = time
  .refine((text) => !FAR_OFFSET.test(text), 'must have an offset below 16 hours')
  .refine(isStorable, 'must be in the years 0001 to 9999');

/**
 * A time as a client gives it, with every digit that it has, as text: movements are told from each other by microseconds, and a `Date` has
 * milliseconds. One that PostgreSQL refuses would fail the work on what it is about.
 */
export const exactTime = storableTime.max(40).meta({ description: 'RFC 3339' });

/** The same to the millisecond, made UTC. */
export const givenTime = storableTime.transform((text) => new Date(text).toISOString());

/** The time in a cursor, to the microsecond. */
export const cursorTime = z.iso.datetime({ abort: true }).max(40).refine(isStorable);

/** The cursor of a list of what was made, the newest first. */
export const newestCursor = cursorOf(z.object({ createdAtMicros: cursorTime, id: z.uuid() })).optional();

/** The number of a row in a cursor, where the column is `int`. Those of `bigint` hold any integer that JSON has exactly. */
export const smallRowNumber = z.int().min(0).max(2_147_483_647);
/** The same where the column is `bigint`. */
export const rowNumber = z.int().min(0);

/** A name in a cursor: as it is stored, not as a client would write it. */
export const cursorName = line(200);

/** A day as a client gives it. */
export const date = z.iso
  .date({ abort: true })
  .refine(isStorable, 'must be in the years 0001 to 9999')
  .meta({ description: 'Day, YYYY-MM-DD' });

interface Days {
  from: string;
  to: string;
}
type DaysRule = [isKept: (days: Days) => boolean, otherwise: { path: string[]; message: string }];

/** For `refine` of an object with the days `from` and `to`. */
export const DAYS_IN_ORDER: DaysRule = [
  ({ from, to }) => from <= to,
  { path: ['to'], message: 'must not be before from' },
];

const DAY_MS = 86_400_000;

/** The same: `to` is at most so many days after `from`. */
export function daysWithin(most: number): DaysRule {
  return [
    ({ from, to }) => Date.parse(to) - Date.parse(from) <= most * DAY_MS,
    { path: ['to'], message: `must not be more than ${most.toLocaleString('en')} days after from` },
  ];
}

/** Of times that do not exist either: the year of an invalid `Date` is NaN. */
function isStorable(text: string): boolean {
  const year = new Date(text).getUTCFullYear();
  return year >= 1 && year <= 9999;
}

export const money = z.int().meta({ description: 'Minor units' });
export const currency = z
  .string()
  .length(3)
  .meta({ description: 'ISO 4217', examples: ['USD'] });
export const count = z.int();

/** Units that one request may move: below the counters' own limit, so that a sum of two still fits. */
export const MAX_UNITS = 1_000_000_000;

/** Units that one request may name one by one. */
export const MAX_UNITS_NAMED = 10_000;

export const idParams = z.object({ id: uuid });
export const skuParams = z.object({ sku });

/** A point in time in a query. */
export const timeQuery = givenTime.transform((text) => new Date(text));

/** In a query. */
export const wholeNumber = z
  .string()
  .regex(/^\d{1,9}$/, 'must be a whole number')
  .transform(Number);

/** Every list takes these, and a cursor of its own. */
export const pageQuery = {
  limit: wholeNumber.pipe(z.int().min(1).max(100)).default(20),
  offset: wholeNumber.pipe(z.int().min(0).max(100_000)).default(0),
};

export function pageOf(name: string, item: z.ZodType) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() }).meta({
    id: name,
    description: 'Pass `nextCursor` as `cursor` to get the next page; null: this is the last.',
  });
}
