import type { Transaction } from '../../platform/database/database';
import {
  insertStoredProducts,
  lockSkus,
  selectCategoriesNamed,
  selectProductsForUpdate,
  selectSkus,
  updateStoredProducts,
} from './bulk-product-queries';
import type { ChangedProduct, FoundCategory, FoundSku, NewStoredProduct, StoredProduct } from './types';

export { selectSkus as findSkus };

/** What is known of some SKUs. What nobody has is locked: nobody else makes it before this transaction has ended. */
export interface LockedSkus {
  /** By the SKU that was asked for. */
  found: ReadonlyMap<string, FoundSku>;
  /** By id. */
  products: ReadonlyMap<number, StoredProduct>;
}

/** Locks the products that SKUs mean, and the names that are free. */
export async function lockSkusAndProducts(tx: Transaction, skus: readonly string[]): Promise<LockedSkus> {
  const before = await selectSkus(tx, skus);
  const free = before.filter(({ id }) => id === null).map(({ given }) => given);
  if (free.length > 0) await lockSkus(tx, free);
  const found = free.length > 0 ? await selectSkus(tx, skus) : before;
  const ids = found.flatMap(({ id }) => (id === null ? [] : [id]));
  const products = await selectProductsForUpdate(tx, [...new Set(ids)]);
  return {
    found: new Map(found.map((sku) => [sku.given, sku])),
    products: new Map(products.map((product) => [product.id, product])),
  };
}

/** The category that a code means: the one that has it exactly, else the only one that has it but for capitals. */
export async function findCategories(
  tx: Transaction,
  codes: readonly string[],
): Promise<(code: string) => FoundCategory | undefined> {
  const found = codes.length === 0 ? [] : await selectCategoriesNamed(tx, codes);
  return (code) => {
    const alike = found.filter((category) => category.code.toLowerCase() === code.toLowerCase());
    return alike.find((category) => category.code === code) ?? (alike.length === 1 ? alike[0] : undefined);
  };
}

/** Adds products whose names are locked, and changes others that are. Each change raises the version, as `updateProduct` does. */
export async function writeProducts(
  tx: Transaction,
  { added, changed }: { added: readonly NewStoredProduct[]; changed: readonly ChangedProduct[] },
): Promise<void> {
  if (added.length > 0) await insertStoredProducts(tx, added);
  if (changed.length > 0) await updateStoredProducts(tx, changed);
}
