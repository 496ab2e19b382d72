import type { Transaction } from '../../platform/database/database';
import { insertCategories, insertProducts, insertWarehouses } from './new-entry-queries';
import type { NewCategory, NewProduct, NewWarehouse } from './types';

export interface CatalogueEntries {
  categories: readonly NewCategory[];
  warehouses: readonly NewWarehouse[];
  products: readonly NewProduct[];
  /** Of all these products, ISO 4217. */
  currency: string;
}

export interface AddedEntries {
  /** How many were missing. */
  categories: number;
  warehouses: number;
  products: { id: number; sku: string }[];
}

/** Adds what the catalogue lacks of these entries. Entries that exist stay as they are, names, prices and all. */
export async function addMissingEntries(tx: Transaction, entries: CatalogueEntries): Promise<AddedEntries> {
  const categories = await insertCategories(tx, entries.categories);
  const warehouses = await insertWarehouses(tx, entries.warehouses);
  return { categories, warehouses, products: await insertProducts(tx, entries.products, entries.currency) };
}
