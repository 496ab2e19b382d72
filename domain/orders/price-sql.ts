/**
 * SQL of what units cost, minor units: `priceOf` of the rules over the rows of a group.
 *
 * @param quantity SQL of the units of one row
 * @param item alias of that row's item in `order_items`
 */
export function priceSql(quantity: string, item: string): string {
  return `sum(${quantity} * ${item}.unit_price_minor)`;
}
