/**
 * SQL that parts a whole amount by weights, so that the parts are whole and add up to it: all are rounded down, and what is left goes, one
 * each, to those that lost most (largest remainder). First `floorOf` and `remainderOf` of each part, then `partOf` over the rows that
 * have them.
 *
 * @param share SQL: the amount, the weight of one part, and the sum of all weights, which is not 0
 */
export function floorOf({ amount, weight, total }: Share): string {
  return `div(${amount} * ${weight}, ${total})`;
}

/** What rounding a part down takes from it. */
export function remainderOf({ amount, weight, total }: Share): string {
  return `mod(${amount} * ${weight}, ${total})`;
}

interface Share {
  amount: string;
  weight: string;
  total: string;
}

/**
 * A part, from its `floorOf` and `remainderOf`.
 *
 * @param part SQL: both, the amount, by what amounts are told apart, and the order of parts that lost the same
 */
export function partOf(part: {
  floor: string;
  remainder: string;
  amount: string;
  within: string;
  order: string;
}): string {
  const { floor, remainder, amount, within, order } = part;
  return `${floor} + (row_number() over (partition by ${within} order by ${remainder} desc, ${order})
                <= ${amount} - sum(${floor}) over (partition by ${within}))::int`;
}
