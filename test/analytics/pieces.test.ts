import fc from 'fast-check';
import { ageOf, growth, movementOf, piecesOf, ratio, variabilityOf } from '../../domain/analytics/rules';

const HOUR = 3_600_000;
const BEGIN = Date.UTC(2024, 0, 1);
const hours = fc.integer({ min: 0, max: 800 * 24 });

test('pieces of a range follow each other without a gap, each of whole buckets of its grain', () => {
  fc.assert(
    fc.property(hours, hours, (a, b) => {
      const [from, to] = [BEGIN + Math.min(a, b) * HOUR, BEGIN + Math.max(a, b) * HOUR];
      const pieces = piecesOf(from, to);
      expect(pieces.at(0)?.from ?? from).toBe(from);
      expect(pieces.at(-1)?.to ?? from).toBe(to);
      pieces.forEach((piece, n) => {
        expect(piece.to).toBeGreaterThan(piece.from);
        if (n > 0) expect(piece.from).toBe(pieces[n - 1]?.to);
        for (const at of [piece.from, piece.to].map((time) => new Date(time))) {
          if (piece.grain !== 'hour') expect(at.getUTCHours()).toBe(0);
          if (piece.grain === 'month') expect(at.getUTCDate()).toBe(1);
        }
      });
      expect(pieces.filter(({ grain }) => grain === 'month').length).toBeLessThanOrEqual(1);
      const byHour = pieces.filter(({ grain }) => grain === 'hour');
      expect(byHour.reduce((sum, piece) => sum + piece.to - piece.from, 0)).toBeLessThan(48 * HOUR);
    }),
  );
});

test('what was there before a time is told by months, then days, then hours', () => {
  expect(piecesOf(-Infinity, Date.UTC(2026, 2, 5, 7))).toEqual([
    { grain: 'month', from: -Infinity, to: Date.UTC(2026, 2, 1) },
    { grain: 'day', from: Date.UTC(2026, 2, 1), to: Date.UTC(2026, 2, 5) },
    { grain: 'hour', from: Date.UTC(2026, 2, 5), to: Date.UTC(2026, 2, 5, 7) },
  ]);
  expect(piecesOf(-Infinity, Date.UTC(2026, 2, 1))).toEqual([
    { grain: 'month', from: -Infinity, to: Date.UTC(2026, 2, 1) },
  ]);
});

test('an hour in a day is that hour, and an empty range is nothing', () => {
  const at = Date.UTC(2026, 2, 5, 7);
  expect(piecesOf(at, at + HOUR)).toEqual([{ grain: 'hour', from: at, to: at + HOUR }]);
  expect(piecesOf(at, at)).toEqual([]);
});

test('ratios are null over nothing', () => {
  expect([ratio(1, 0), ratio(1n, 3n), growth(5n, 0n), growth(5n, 4n), growth(5n, -4n)]).toEqual([
    null,
    0.333333,
    null,
    0.25,
    2.25,
  ]);
});

test.each([
  ['zeros', Array<number>(60).fill(0), null],
  ['one day', [5], null],
  ['less than four weeks', Array<number>(27).fill(5), null],
  ['the same each day', Array<number>(28).fill(5), { xyz: 'X', coefficient: 0 }],
  ['twice as much every second week', weeks([7, 14, 7, 14]), { xyz: 'X', coefficient: 0.3849 }],
  ['one week of eight', weeks([0, 0, 0, 7, 0, 0, 0, 0]), { xyz: 'Z', coefficient: 2.828427 }],
])('how %s varies', (_, sold, expected) => {
  expect(variabilityOf(sold)).toEqual(expected);
});

function weeks(sums: readonly number[]): number[] {
  return sums.flatMap((sum) => [sum, 0, 0, 0, 0, 0, 0]);
}

test('age and movement change on their days', () => {
  const last = '2026-06-30';
  expect(
    ['2026-05-31', '2026-05-30', '2026-04-01', '2026-03-31', '2025-06-30', '2025-06-29', null].map((day) =>
      ageOf(day, last),
    ),
  ).toEqual(['upTo30', 'upTo90', 'upTo90', 'upTo180', 'upTo365', 'older', 'unknown']);
  const period = { from: '2025-01-01', last, isHeld: true };
  expect(
    ['2026-04-02', '2026-04-01', '2026-01-02', '2026-01-01', null].map((day) => movementOf(day, period)),
  ).toEqual(['active', 'slow', 'slow', 'dead', 'dead']);
  expect(movementOf(null, { ...period, isHeld: false })).toBe('none');
});
