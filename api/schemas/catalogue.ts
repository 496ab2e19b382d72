import { z } from 'zod';
import { isCurrency, MAX_PRICE } from '../../domain/catalog/currencies';
import { WAREHOUSE_TYPES } from '../../domain/catalog/types';
import { line, money, name, pageOf, time, timeQuery } from './common';

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

/** A word that names a new merchant: `merchant_id` of settlement files. */
const merchantId = name(50);

const productFields = {
  name: title,
  description: text.default(''),
  category: name(50)
    .nullish()
    .transform((given) => given ?? null)
    .meta({ description: 'Code of a category' }),
  priceMinor: money.min(0).max(MAX_PRICE),
  currency: givenCurrency,
  merchant: merchantId
    .nullish()
    .transform((given) => given ?? null)
    .meta({ description: 'Id of the merchant who sells it; absent: it stays, of a new product `house`' }),
};

export const newProduct = z.strictObject({ sku: newName(100), ...productFields }).meta({ id: 'NewProduct' });
export const productUpdate = z.strictObject(productFields).meta({
  id: 'ProductUpdate',
  description:
    'All of it: what is absent becomes its default, but the merchant, who stays. Orders that were placed keep their prices, currency and merchants',
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

const merchantFields = {
  name: title,
  zone: line(100)
    .default('UTC')
    .meta({ description: 'IANA name of the time zone in which its days begin and end' }),
};

export const newMerchant = z.strictObject({ id: newName(50), ...merchantFields }).meta({ id: 'NewMerchant' });
export const merchantUpdate = z.strictObject(merchantFields).meta({
  id: 'MerchantUpdate',
  description:
    'All of it: what is absent becomes its default. A new time zone holds for money that moves from now on',
});

export const merchant = z
  .object({ id: z.string(), name: z.string(), zone: z.string(), createdAt: time, updatedAt: time })
  .meta({ id: 'Merchant' });

export const merchantPage = pageOf('MerchantPage', merchant);

const feeRuleFields = {
  currency: givenCurrency,
  rateBasisPoints: z.int().min(0).max(10_000).meta({ description: 'Of the captured amount: 250 are 2.5 %' }),
  fixedMinor: money.min(0).max(MAX_PRICE).default(0).meta({ description: 'For each capture' }),
  minimumMinor: money.min(0).max(MAX_PRICE).default(0),
  maximumMinor: money.min(0).max(MAX_PRICE).nullable().default(null),
  isReturned: z
    .boolean()
    .default(false)
    .meta({ description: 'A refund gives the same part of the fee back; else none of it' }),
};

export const newFeeRule = z
  .strictObject({
    ...feeRuleFields,
    effectiveFrom: timeQuery.optional().meta({ description: 'Now or later; absent: now' }),
  })
  .refine(({ minimumMinor, maximumMinor }) => maximumMinor === null || maximumMinor >= minimumMinor, {
    path: ['maximumMinor'],
    message: 'must not be less than minimumMinor',
  })
  .meta({ id: 'NewFeeRule' });

export const feeRule = z
  .object({ id: z.int(), ...feeRuleFields, effectiveFrom: time, createdAt: time })
  .meta({ id: 'FeeRule' });

export const feeRulePage = pageOf('FeeRulePage', feeRule);

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
