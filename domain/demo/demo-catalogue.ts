import type { NewProduct } from '../catalog/types';
import { DEMO_CATEGORIES, DEMO_STOCK, DEMO_WAREHOUSES } from './demo-data';

export interface DemoProduct extends NewProduct {
  /** Units on hand by warehouse code; a warehouse that is missing has none. */
  stock: Readonly<Record<string, number>>;
}

/** Every product of the demo catalogue: the same names, prices and stock each time: nothing is random. */
export function demoProducts(): DemoProduct[] {
  return DEMO_CATEGORIES.flatMap((category, categoryIndex) =>
    category.series.flatMap((series, seriesIndex) =>
      category.variants.map((variant, variantIndex) => {
        const index = seriesIndex * category.variants.length + variantIndex;
        const sku = `${category.code}-${String(index + 1).padStart(3, '0')}`;
        return {
          sku,
          name: `${series} ${variant} ${category.noun}`,
          description: `${series} ${variant}. ${category.about}`,
          category: category.code,
          priceMinor: category.priceMinor + index * category.stepMinor,
          stock: DEMO_STOCK[sku] ?? generatedStock(categoryIndex * 20 + index),
        };
      }),
    ),
  );
}

/** Every tenth product is scarce: 2 to 6 units in one warehouse. The rest have 40 to 260 in each. */
function generatedStock(n: number): Record<string, number> {
  if (n % 10 === 9) {
    const only = DEMO_WAREHOUSES[Math.floor(n / 10) % DEMO_WAREHOUSES.length];
    return only ? { [only.code]: 2 + (n % 5) } : {};
  }
  return Object.fromEntries(DEMO_WAREHOUSES.map(({ code }, w) => [code, 40 + ((n * 37 + w * 53) % 12) * 20]));
}
