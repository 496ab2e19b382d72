import { cursorTime, date, givenTime } from '../../api/schemas/common';

test.each([
  ['2026-05-01T10:00:00Z', '2026-05-01T10:00:00.000Z'],
  ['2026-05-01T10:00:00.123456+02:00', '2026-05-01T08:00:00.123Z'],
  ['2026-05-01T10:00:00-15:59', '2026-05-02T01:59:00.000Z'],
  [`2026-05-01T10:00:00.${'1'.repeat(200)}Z`, '2026-05-01T10:00:00.111Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000Z'],
])('the time %s is taken as %s', (given, taken) => {
  expect(givenTime.parse(given)).toBe(taken);
});

test.each([
  'today',
  '2026-02-30T10:00:00Z',
  '2026-05-01T10:00:00+16:00',
  '2026-05-01T10:00:00-23:00',
  '0000-05-01T10:00:00Z',
  '0001-01-01T00:00:00+00:01',
  '9999-12-31T23:59:59-00:01',
])('the time %s is refused once', (given) => {
  expect(givenTime.safeParse(given).error?.issues).toHaveLength(1);
});

test('a day and the time of a cursor are refused where the database would refuse them', () => {
  expect(date.parse('2026-05-01')).toBe('2026-05-01');
  expect(date.safeParse('0000-05-01').error?.issues).toHaveLength(1);
  expect(cursorTime.parse('2026-05-01T10:00:00.123456Z')).toBe('2026-05-01T10:00:00.123456Z');
  expect(cursorTime.safeParse('0000-05-01T10:00:00.123456Z').success).toBe(false);
});
