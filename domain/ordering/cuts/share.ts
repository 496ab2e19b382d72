import type { OpenCut } from './queries';

/** What open cuts take of something, and how many units of each it is. */
export interface Shared<Item> {
  taken: (Item & { quantity: number })[];
  done: { id: string; units: number; sku: string }[];
}

/**
 * Gives units to open cuts, in the order of `items`: to those that are about the very shipment that the units are in, then to those that are
 * about none, the oldest first. A cut that is about a shipment gets nothing from elsewhere.
 */
export function shareToCuts<Item extends { productId: number; quantity: number; shipmentId?: string }>(
  cuts: readonly OpenCut[],
  items: readonly Item[],
): Shared<Item> {
  const left = new Map(cuts.map((cut) => [cut.id, cut.left]));
  const taken: Shared<Item>['taken'] = [];
  for (const item of items) {
    let open = item.quantity;
    const own = cuts.filter(({ productId }) => productId === item.productId);
    const named = own.filter(({ shipmentId }) => shipmentId !== null && shipmentId === item.shipmentId);
    for (const cut of [...named, ...own.filter(({ shipmentId }) => shipmentId === null)]) {
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
