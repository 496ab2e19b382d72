import { exact, exactJson } from '../../platform/exact';

test('a whole number stays as it is, on both sides of 2^53', () => {
  expect(exact('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER);
  expect(exact('9007199254740993')).toBe(9_007_199_254_740_993n);
  expect(exact(-9_007_199_254_740_993n)).toBe(-9_007_199_254_740_993n);
  expect(exact('0')).toBe(0);
});

test('JSON has all digits of it, and other members as ever', () => {
  const value = {
    big: 9_007_199_254_740_993n,
    list: [-9_007_199_254_740_995n, 1, null],
    text: 'exact:1',
    at: new Date(0),
  };
  expect(exactJson(value)).toBe(
    '{"big":9007199254740993,"list":[-9007199254740995,1,null],"text":"exact:1","at":"1970-01-01T00:00:00.000Z"}',
  );
});
