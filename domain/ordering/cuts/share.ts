import type { OpenCut } from './queries';

/** What open cuts take of something, and how many units of each it is. */
export interface Shared<Item> {
  taken: (Item & { quantity: number })[];
  done: { id: string; units: number; sku: string }[];
}

/** Gives units to open cuts, the oldest first, in the order of `items`. */
export function shareToCuts<Item extends { productId: number; quantity: number }>(
  cuts: readonly OpenCut[],
  items: readonly Item[],
): Shared<Item> {
  const left = new Map(cuts.map((cut) => [cut.id, cut.left]));
  const taken: Shared<Item>['taken'] = [];
  for (const item of items) {
    let open = item.quantity;
    for (const cut of cuts.filter(({ productId }) => productId === item.productId)) {
      const units = Math.min(open, left.get(cut.id) ?? 0);
      left.set(cut.id, (left.get(cut.id) ?? 0) - units);
      open -= units;
    }
    if (open < item.quantity) taken.push({ ...item, quantity: item.quantity - open });
  }
  const done = cuts
    .map((cut) => ({ id: cut.id, sku: cut.sku, units: cut.left - (left.get(cut.id) ?? 0) }))
    .filter(({ units }) => units > 0);
  return { taken, done };
}
