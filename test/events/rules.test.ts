import { stillAwaited } from '../../domain/event-log/rules';

test('a gap waits for those who held the lock when it was first looked at, as long as they do, and for nobody later', () => {
  expect(stillAwaited({ waitsFor: null, holders: ['1/1', '2/1'] })).toEqual(['1/1', '2/1']);
  expect(stillAwaited({ waitsFor: null, holders: [] })).toEqual([]);
  expect(stillAwaited({ waitsFor: ['1/1', '2/1'], holders: ['2/1', '3/1'] })).toEqual(['2/1']);
  expect(stillAwaited({ waitsFor: ['1/1'], holders: ['1/2'] })).toEqual([]);
});

test('it waits for a prepared transaction under the name that this has after a restart', () => {
  expect(stillAwaited({ waitsFor: ['1/1'], holders: ['-1/731', '1/1'] })).toEqual(['-1/731', '1/1']);
  expect(stillAwaited({ waitsFor: ['1/1'], holders: ['-1/731'] })).toEqual(['-1/731']);
});
