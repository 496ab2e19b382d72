import { z } from 'zod';
import { isCurrency, MAX_PRICE } from '../../domain/catalog/currencies';
import { WAREHOUSE_TYPES } from '../../domain/catalog/types';
import { line, money, name, pageOf } from './common';

/** Clients take `.` and `..` out of addresses. */
const NOT_IN_ADDRESSES: readonly string[] = ['.', '..'];

/** What names a new entry. */
const newName = (max: number) =>
  name(max).refine((given) => !NOT_IN_ADDRESSES.includes(given), 'must not be `.` or `..`');

const title = line(200);

/** Text of several lines: without what PostgreSQL cannot keep. */
const text = z
  .string()
  .max(10_000)
  .refine((given) => !/[\0\p{Cs}]/u.test(given), 'must not contain NUL or halves of characters');

export const givenCurrency = z
  .string()
  .refine(isCurrency, 'must be a code of ISO 4217, in capitals')
  .meta({ description: 'ISO 4217', examples: ['USD'] });

const productFields = {
  name: title,
  description: text.default(''),
  category: name(50)
    .nullish()
    .transform((given) => given ?? null)
    .meta({ description: 'Code of a category' }),
  priceMinor: money.min(0).max(MAX_PRICE),
  currency: givenCurrency,
};

export const newProduct = z.strictObject({ sku: newName(100), ...productFields }).meta({ id: 'NewProduct' });
export const productUpdate = z.strictObject(productFields).meta({
  id: 'ProductUpdate',
  description:
    'All of it: what is absent becomes its default. Orders that were placed keep their prices and currency',
});

const warehouseFields = {
  name: title,
  type: z.enum(WAREHOUSE_TYPES).default('warehouse'),
  address: text.default(''),
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
  region: line(100),
  priority: z.int().min(0).max(1_000_000).default(100).meta({
    description: 'Lower is preferred between equally near warehouses',
  }),
};

export const newWarehouse = z
  .strictObject({ code: newName(50), ...warehouseFields })
  .meta({ id: 'NewWarehouse' });
export const warehouseUpdate = z
  .strictObject(warehouseFields)
  .meta({ id: 'WarehouseUpdate', description: 'All of it: what is absent becomes its default' });

export const newCategory = z.strictObject({ code: newName(50), name: title }).meta({ id: 'NewCategory' });
export const categoryUpdate = z.strictObject({ name: title }).meta({ id: 'CategoryUpdate' });

export const category = z
  .object({
    code: z.string(),
    name: z.string(),
    archived: z.boolean().meta({ description: 'No product is put into it any more' }),
  })
  .meta({ id: 'Category' });

export const categoryPage = pageOf('CategoryPage', category);
