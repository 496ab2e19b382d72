import fc from 'fast-check';
import { partsOf } from '../../platform/largest-remainder';

const weights = fc
  .array(fc.bigInt({ min: 0n, max: 10n ** 15n }), { minLength: 1, maxLength: 12 })
  .filter((all) => all.some((weight) => weight > 0n));

test('parts add up to the whole, and none is a unit or more away from its share', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 15n }), weights, (amount, all) => {
      const parts = partsOf(amount, all);
      const total = all.reduce((sum, weight) => sum + weight, 0n);
      expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(amount);
      parts.forEach((part, at) => {
        const off = part * total - amount * (all[at] ?? 0n);
        expect(off > -total && off < total).toBe(true);
      });
    }),
  );
});

test('what is left goes to those that lost most, and of these to the first', () => {
  expect(partsOf(10n, [1n, 1n, 1n])).toEqual([4n, 3n, 3n]);
  expect(partsOf(5n, [1n, 8n, 1n])).toEqual([1n, 4n, 0n]);
  expect(partsOf(7n, [0n, 2n, 1n])).toEqual([0n, 5n, 2n]);
});
