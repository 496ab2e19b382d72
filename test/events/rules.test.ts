import { isDue, stillAwaited } from '../../domain/event-log/rules';

const holders = (...ids: string[]) => new Set(ids);

test('a gap is looked at first, and then whenever somebody for whom it waits has ended', () => {
  expect(isDue({ waitsFor: null }, holders('1/1'))).toBe(true);
  expect(isDue({ waitsFor: ['1/1', '2/1'] }, holders('1/1', '2/1', '3/1'))).toBe(false);
  expect(isDue({ waitsFor: ['1/1', '2/1'] }, holders('1/1', '3/1'))).toBe(true);
});

test('it waits for those who held the lock when it was first looked at, as long as they do, and for nobody later', () => {
  expect(stillAwaited({ waitsFor: null }, holders('1/1', '2/1'))).toEqual(['1/1', '2/1']);
  expect(stillAwaited({ waitsFor: null }, holders())).toEqual([]);
  expect(stillAwaited({ waitsFor: ['1/1', '2/1'] }, holders('2/1', '3/1'))).toEqual(['2/1']);
  expect(stillAwaited({ waitsFor: ['1/1'] }, holders('1/2'))).toEqual([]);
});
