import fc from 'fast-check';
import { openTestShop, type TestShop } from '../support/fixtures';

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(() => shop.close());

interface Charge {
  amount: bigint;
  rate: number;
  fixed: bigint;
  minimum: bigint;
  maximum: bigint | null;
}

/** By the definition: of all whole numbers the one that is nearest, of two that are as near the even one. */
function nearest(numerator: bigint, denominator: bigint): bigint {
  const below = numerator / denominator;
  const candidates = [below, below + 1n];
  const distance = (whole: bigint) => {
    const off = numerator - whole * denominator;
    return off < 0n ? -off : off;
  };
  const [low = 0n, high = 0n] = candidates;
  if (distance(low) !== distance(high)) return distance(low) < distance(high) ? low : high;
  return low % 2n === 0n ? low : high;
}

function expected({ amount, rate, fixed, minimum, maximum }: Charge): bigint {
  const charged = nearest(amount * BigInt(rate), 10_000n) + fixed;
  const raised = charged < minimum ? minimum : charged;
  return maximum !== null && raised > maximum ? maximum : raised;
}

const minor = fc.bigInt({ min: 0n, max: 1_000_000_000_000n });
const charge = fc
  .record({
    // Small ones and exact halves, where rounding shows.
    amount: fc.oneof(
      minor,
      fc.bigInt({ min: 0n, max: 300n }),
      fc.bigInt({ min: 0n, max: 99n }).map((n) => n * 10_000n + 5_000n),
    ),
    rate: fc.oneof(fc.integer({ min: 0, max: 10_000 }), fc.constantFrom(1, 50, 250, 5_000)),
    fixed: fc.oneof(fc.constant(0n), minor),
    minimum: fc.oneof(fc.constant(0n), minor),
    above: fc.option(minor),
  })
  .map(({ above, ...rest }): Charge => ({ ...rest, maximum: above === null ? null : rest.minimum + above }));

test('a fee is the rate, rounded half to even, and the fixed amount, within minimum and maximum', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(charge, { minLength: 1, maxLength: 200 }), async (charges) => {
      const { rows } = await shop.db.pool.query<{ fee: string }>(
        `select fee_of(a, r, f, lo, hi)::text as fee
         from unnest($1::bigint[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[]) with ordinality as c (a, r, f, lo, hi, n) order by n`,
        [
          charges.map(({ amount }) => String(amount)),
          charges.map(({ rate }) => rate),
          charges.map(({ fixed }) => String(fixed)),
          charges.map(({ minimum }) => String(minimum)),
          charges.map(({ maximum }) => (maximum === null ? null : String(maximum))),
        ],
      );
      expect(rows.map(({ fee }) => fee)).toEqual(charges.map((one) => String(expected(one))));
    }),
    { numRuns: 30 },
  );
});

test.each([
  [150, 1_000, 15],
  [5, 5_000, 2],
  [7, 5_000, 4],
  [15, 1_000, 2],
  [25, 1_000, 2],
])('of %d at %d basis points it is %d', async (amount, rate, fee) => {
  const { rows } = await shop.db.pool.query('select fee_of($1, $2, 0, 0, null) as fee', [amount, rate]);
  expect(rows).toEqual([{ fee }]);
});
