import fc from 'fast-check';
import { changesOf, totalWith, type Addition } from '../../domain/ordering/amendments/rules';
import { seededRandom } from '../support/random';
import { hold } from './hold';

const PRICES: Readonly<Record<string, number>> = { A: 100, B: 250, C: 999 };
const SKUS = Object.keys(PRICES);
const RUNS = 5_000;

type Quantities = Record<string, number>;
type Outcome = 'done' | 'declined';

const quantities: fc.Arbitrary<Quantities> = fc.dictionary(fc.constantFrom(...SKUS), fc.nat(4));
const amendments = fc.array(
  fc.record({ wanted: quantities, outcome: fc.constantFrom<Outcome>('done', 'done', 'declined') }),
  { maxLength: 12 },
);

/** What an order has, and what it costs, minor units. */
interface Order {
  units: Quantities;
  totalMinor: number;
}

interface Rules {
  changes: typeof changesOf;
  total: typeof totalWith;
}

const listOf = (units: Quantities) => Object.entries(units).map(([sku, quantity]) => ({ sku, quantity }));
const priceOf = (sku: string) => PRICES[sku] ?? 0;
const worth = (units: Quantities) =>
  listOf(units).reduce((sum, { sku, quantity }) => sum + quantity * priceOf(sku), 0);
const positive = (units: Quantities) => Object.fromEntries(Object.entries(units).filter(([, n]) => n > 0));

/** Amends an order as the transactions do: what is added first, then, once it is paid for, what is taken out. */
function amended(order: Order, wanted: Quantities, outcome: Outcome, rules: Rules): Order {
  const items = listOf(order.units).map(({ sku, quantity }) => ({
    sku,
    quantity,
    productId: SKUS.indexOf(sku),
    unitPriceMinor: priceOf(sku),
    cancelled: 0,
  }));
  const { additions, reductions, items: after } = rules.changes(items, listOf(wanted));
  const added = additions.map(({ sku, quantity }): Addition => {
    return { sku, quantity, productId: SKUS.indexOf(sku), priceMinor: priceOf(sku), currency: 'USD' };
  });
  hold(
    'a product is either added or taken out',
    !added.some(({ sku }) => reductions.some((one) => one.sku === sku)),
  );
  hold(
    'what changes is units',
    [...added, ...reductions].every(({ quantity }) => quantity > 0),
  );
  // What is to be added is declined: nothing else changes either.
  if (outcome === 'declined' && added.length > 0) return order;
  const totalMinor = rules.total(order, { additions: added, reductions });
  const units = { ...order.units };
  for (const { sku, quantity } of added) units[sku] = (units[sku] ?? 0) + quantity;
  for (const { sku, quantity } of reductions) units[sku] = (units[sku] ?? 0) - quantity;
  hold(
    'what it has afterwards is said',
    same(positive(units), Object.fromEntries(after.map((one) => [one.sku, one.quantity]))),
  );
  return { units: positive(units), totalMinor };
}

function same(one: Quantities, other: Quantities): boolean {
  return SKUS.every((sku) => (one[sku] ?? 0) === (other[sku] ?? 0));
}

/** Any amendments one after the other, against what the customer has asked for last of each product. */
function sequences(rules: Rules) {
  return fc.property(quantities, amendments, (first, all) => {
    let order: Order = { units: positive(first), totalMinor: worth(first) };
    let expected = order.units;
    for (const { wanted, outcome } of all) {
      const isMore = listOf(wanted).some(({ sku, quantity }) => quantity > (expected[sku] ?? 0));
      if (outcome === 'done' || !isMore) expected = { ...expected, ...wanted };
      order = amended(order, wanted, outcome, rules);
      hold('it has what was asked for last of each product', same(order.units, expected));
      hold('it costs what it has', order.totalMinor === worth(order.units));
      const again = amended(order, outcome === 'done' ? wanted : order.units, 'done', rules);
      hold(
        'the same again changes nothing',
        same(again.units, order.units) && again.totalMinor === order.totalMinor,
      );
    }
  });
}

const RULES: Rules = { changes: changesOf, total: totalWith };

test('whatever an order is amended by, it has what was asked for last, and costs that; a declined one changes nothing', () => {
  fc.assert(sequences(RULES), { seed: seededRandom().seed, numRuns: RUNS });
});

test.each<[string, Partial<Rules>, string | RegExp]>([
  [
    'takes quantities as more',
    {
      changes: (items, wanted) => {
        const more = wanted.map(({ sku, quantity }) => {
          return { sku, quantity: quantity + (items.find((one) => one.sku === sku)?.quantity ?? 0) };
        });
        return changesOf(items, more);
      },
    },
    // Whichever the seed comes to first.
    /asked for last|the same again/,
  ],
  [
    'removes what is not named',
    {
      changes: (items, wanted) =>
        changesOf(
          items,
          SKUS.map((sku) => wanted.find((one) => one.sku === sku) ?? { sku, quantity: 0 }),
        ),
    },
    'asked for last',
  ],
  [
    'leaves what is taken out in',
    { changes: (items, wanted) => ({ ...changesOf(items, wanted), reductions: [] }) },
    'what it has afterwards',
  ],
  [
    'charges nothing for what is added',
    { total: (order, changes) => totalWith(order, { ...changes, additions: [] }) },
    'it costs what it has',
  ],
])('a rule that %s is found', (_name, bug, broken) => {
  const { seed } = seededRandom();
  const found = fc.check(sequences({ ...RULES, ...bug }), { seed, numRuns: RUNS, endOnFailure: true });
  expect(found.errorInstance).toMatchObject({ message: expect.stringMatching(broken) as string });
});
