import { readSettings, reviewedFrom } from '../../platform/config';

test('totals from which on orders are reviewed are read by currency', () => {
  const settings = readSettings({ REVIEW_FROM: ' USD:100000, EUR:0 ' });
  expect(reviewedFrom(settings)).toEqual({ USD: 100_000, EUR: 0 });
  expect(settings).toMatchObject({ REVIEW_SECONDS: 86_400, REVIEW_OTHERWISE: 'reject' });
});

test('without the setting no order is reviewed', () => {
  expect(reviewedFrom(readSettings({}))).toEqual({});
});

test.each([
  ['USD', /REVIEW_FROM: USD: must be CURRENCY:amount/],
  ['USD:12.50', /REVIEW_FROM: USD:12\.50: must be/],
  ['usd:100', /REVIEW_FROM: usd:100: must be/],
  ['USD:-1', /REVIEW_FROM: USD:-1: must be/],
  ['USD:100,USD:200', /REVIEW_FROM: USD: is given twice/],
])('%s is refused by name', (given, problem) => {
  expect(() => readSettings({ REVIEW_FROM: given })).toThrow(problem);
});
