import { groupLeft } from '../../domain/reconciliation/grouping';
import type { Left } from '../../domain/reconciliation/left-queries';

type Given = readonly [ref: string | null, minor: number, day: number, currency?: string];

/** Numbered from 1, of days of June. */
const leftOf = (given: readonly Given[]): Left[] =>
  given.map(([ref, minor, day, currency = 'EUR'], index) => ({
    id: index + 1,
    ref,
    minor,
    currency,
    day: `2026-06-${String(day).padStart(2, '0')}`,
  }));

const grouped = (ours: readonly Given[], theirs: readonly Given[], toleranceDays = 5) => {
  const found = groupLeft(leftOf(ours), leftOf(theirs), toleranceDays);
  return {
    groups: found.groups,
    ours: [...found.ours.grouped].sort(),
    theirs: [...found.theirs.grouped].sort(),
    told: [...found.ours.details.values(), ...found.theirs.details.values()],
  };
};
const NOTHING = { groups: 0, ours: [], theirs: [] };

test('one line pays several payouts, and one payout is paid by several lines', () => {
  expect(
    grouped(
      [
        ['po_1', 100, 1],
        ['po_2', 250, 2],
        ['po_3', 70, 3],
      ],
      [['T', 350, 4]],
    ),
  ).toEqual({
    groups: 1,
    ours: [1, 2],
    theirs: [1],
    told: [],
  });
  expect(
    grouped(
      [['po_1', -400, 3]],
      [
        ['A', -100, 3],
        ['B', -300, 4],
        ['C', -7, 4],
      ],
    ),
  ).toEqual({
    groups: 1,
    ours: [1],
    theirs: [1, 2],
    told: [],
  });
});

test('a group has one currency and one direction, and is near', () => {
  expect(
    grouped(
      [
        ['a', 100, 1],
        ['b', 50, 1, 'USD'],
      ],
      [['T', 150, 1]],
    ),
  ).toMatchObject(NOTHING);
  expect(
    grouped(
      [
        ['a', 200, 1],
        ['b', -50, 1],
      ],
      [['T', 150, 1]],
    ),
  ).toMatchObject(NOTHING);
  expect(
    grouped(
      [
        ['a', 100, 1],
        ['b', 50, 9],
      ],
      [['T', 150, 8]],
    ),
  ).toMatchObject(NOTHING);
  expect(
    grouped(
      [
        ['a', 100, 3],
        ['b', 50, 9],
      ],
      [['T', 150, 8]],
    ),
  ).toMatchObject({ groups: 1 });
  expect(
    grouped(
      [
        ['a', 100, 1],
        ['b', 51, 1],
      ],
      [['T', 150, 1]],
    ),
  ).toEqual({ ...NOTHING, told: [] });
});

test('where several groups come to a line none is taken, and each of them says so', () => {
  const found = grouped(
    [
      ['po_1', 100, 1],
      ['po_2', 50, 2],
      ['po_3', 50, 3],
    ],
    [['T', 150, 4]],
  );
  expect(found).toMatchObject(NOTHING);
  expect(found.told).toEqual([
    ...Array.from({ length: 3 }, () => 'It may be a part of T, as others may.'),
    'Together these may be it, and none of them is taken: po_1 + po_2; po_1 + po_3.',
  ]);
});

test('what would be in two groups is in none', () => {
  const found = grouped(
    [
      ['po_1', 100, 1],
      ['po_2', 50, 2],
    ],
    [
      ['S', 150, 3],
      ['T', 150, 4],
    ],
  );
  expect(found).toMatchObject(NOTHING);
  expect(found.told).toContain('Together these may be it, and none of them is taken: po_1 + po_2.');
});

test('all of a day go before others, however many they are', () => {
  const day = Array.from({ length: 30 }, (_, index): Given => [`po_${index}`, 100 + index, 5]);
  const sum = day.reduce((total, [, minor]) => total + minor, 0);
  expect(grouped([...day, ['po_x', sum - 5, 6], ['po_y', 5, 7]], [['T', sum, 6]])).toMatchObject({
    groups: 1,
    ours: Array.from({ length: 30 }, (_, index) => index + 1).sort(),
  });
});

test('of a day with many what is smaller than a line can be a part of it, in the order of their numbers', () => {
  const many = Array.from({ length: 20 }, (_, index): Given => [`po_${index}`, 150 + index, 1]);
  const small: Given[] = [
    ['a', 100, 1],
    ['b', 20, 1],
    ['c', 50, 1],
  ];
  const found = grouped([...many, ...small, ['d', 30, 2]], [['T', 150, 1]]);
  expect(found).toMatchObject(NOTHING);
  expect(found.told).toContain('Together these may be it, and none of them is taken: a + b + d; a + c.');
  expect(grouped([...many, ...small], [['T', 150, 1]])).toEqual({
    groups: 1,
    ours: [21, 23],
    theirs: [1],
    told: [],
  });
});

test('of more than twelve that are near groups are not looked for, which is said where some might be it', () => {
  const many = Array.from({ length: 13 }, (_, index): Given => [`po_${index}`, 10 + index, 1 + (index % 3)]);
  expect(grouped(many, [['S', 5_000, 2]])).toEqual({ ...NOTHING, told: [] });
  expect(grouped(many, [['T', 60, 2]]).told).toEqual([
    '13 others are near: groups of so many are not looked for.',
  ]);
});

test('what comes to nothing is in no group, and an amount alone is no group', () => {
  expect(grouped([['po_1', 150, 1]], [['T', 150, 1]])).toEqual({ ...NOTHING, told: [] });
});
