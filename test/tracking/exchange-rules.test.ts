import { lotExchange, lotlessFault, netChanges } from '../../domain/stock/tracking/exchange-rules';

const TEN = '2026-11-01T10:00:00.000000Z';
const NOON = '2026-11-01T12:00:00.000000Z';
const LATE = '2026-11-01T18:00:00.000000Z';

const exchange = (
  left: Readonly<Record<string, number>>,
  named: Readonly<Record<string, number>>,
  numbered: { lots?: Readonly<Record<string, string>>; place?: string } = {},
) =>
  lotExchange(unitsOf(left), unitsOf(named), {
    lots: new Map(Object.entries(numbered.lots ?? {})),
    place: numbered.place ?? null,
  });

function unitsOf(lots: Readonly<Record<string, number>>) {
  return Object.entries(lots).map(([code, quantity]) => ({ code, quantity }));
}

const lot = (code: string, units: number) => ({ code, units });

test('units of the named lots leave in the place of others, the first of which come back', () => {
  expect(exchange({ a: 2, b: 1, c: 3 }, { B: 3, c: 3 })).toEqual({
    changes: [lot('a', 2), lot('B', -2)],
    correction: null,
  });
  expect(exchange({ a: 1 }, { a: 1 }).changes).toEqual([]);
});

test.each([
  ['no number', {}, null, [lot('a', 2), lot('b', -1), lot('c', -1)]],
  [
    'numbers of all lots, as of the first of them',
    { lots: { a: NOON, b: TEN, c: LATE } },
    { asOf: TEN, changes: [lot('a', -2), lot('b', 1), lot('c', 1)] },
    [],
  ],
  [
    'a number of one lot',
    { lots: { b: NOON } },
    { asOf: NOON, changes: [lot('b', 1)] },
    [lot('a', 2), lot('c', -1)],
  ],
  [
    'a number of one lot that is newer than that of the place',
    { lots: { b: NOON }, place: TEN },
    { asOf: NOON, changes: [lot('b', 1)] },
    [lot('a', 2), lot('c', -1)],
  ],
  [
    'a number of the place that is newer than that of one lot',
    { lots: { b: NOON }, place: LATE },
    null,
    [lot('a', 2), lot('b', -1), lot('c', -1)],
  ],
  [
    'numbers of all lots of which one is older than that of the place',
    { lots: { a: LATE, b: TEN, c: NOON }, place: NOON },
    { asOf: TEN, changes: [lot('a', -2), lot('b', 1), lot('c', 1)] },
    [],
  ],
])('%s: what was seen stays', (_, numbered, correction, net) => {
  const found = exchange({ a: 2 }, { b: 1, c: 1 }, numbered);
  expect(found.correction).toEqual(correction);
  expect(netChanges(found)).toEqual(net);
});

test('more than left in any lot cannot be named', () => {
  expect(lotlessFault('S', exchange({ a: 1 }, { b: 2 }))).toMatchObject({
    code: 'LOT_SHORT',
    details: { lacking: 1 },
  });
  expect(lotlessFault('S', exchange({ a: 1 }, { b: 1 }))).toBeNull();
});
