import fc from 'fast-check';
import { SPAN_MINUTES, spansOf } from '../../domain/reports/spans';

const QUARTER = 15 * 60_000;
const quarters = fc.integer({ min: -200_000, max: 4_000_000 }).map((n) => n * QUARTER);

test('a period consists of whole buckets, each once and one after the other', () => {
  fc.assert(
    fc.property(quarters, fc.integer({ min: 0, max: 4_000 }), (from, length) => {
      const to = from + length * QUARTER;
      let at = from;
      for (const range of spansOf(from, to)) {
        expect(range.from).toBe(at);
        expect(range.to).toBeGreaterThan(range.from);
        expect(Math.abs(range.from % (range.minutes * 60_000))).toBe(0);
        expect(Math.abs(range.to % (range.minutes * 60_000))).toBe(0);
        at = range.to;
      }
      expect(at).toBe(to);
    }),
  );
});

test('the longest that are within it are taken', () => {
  const buckets = (from: string, to: string) => {
    const ranges = spansOf(Date.parse(from), Date.parse(to));
    return SPAN_MINUTES.map((minutes) =>
      ranges
        .filter((range) => range.minutes === minutes)
        .reduce((sum, range) => sum + (range.to - range.from) / (minutes * 60_000), 0),
    );
  };
  // A month in UTC, in Paris with a clock that changes, in Kathmandu; a day in Paris, of 23 hours, and in India.
  expect(buckets('2026-06-01T00:00Z', '2026-07-01T00:00Z')).toEqual([0, 0, 30]);
  expect(buckets('2026-02-28T23:00Z', '2026-03-31T22:00Z')).toEqual([8, 7, 30]);
  expect(buckets('2026-05-31T18:15Z', '2026-06-30T18:15Z')).toEqual([12, 7, 29]);
  expect(buckets('2026-03-28T23:00Z', '2026-03-29T22:00Z')).toEqual([8, 7, 0]);
  expect(buckets('2026-06-09T18:30Z', '2026-06-10T18:30Z')).toEqual([12, 7, 0]);
});
