import type { Database, Transaction } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { recordChange } from '../audit/record';
import type { AuditValues } from '../audit/types';
import { selectCategory } from './category-queries';
import { knownMerchantId } from './edit-merchants';
import { isSeen, refuseAlike, refuseUpdate } from './changes';
import { lockName } from './name-lock-queries';
import {
  insertProduct,
  selectAlike,
  selectBefore,
  updateProductActive,
  updateProductFields,
} from './product-queries';
import { readProduct } from './products';
import { unclearCharacter } from './sku-characters';
import {
  HOUSE,
  type CategoryMove,
  type EditedProduct,
  type ProductView,
  type Seen,
  type Versioned,
} from './types';

/**
 * Adds a product.
 *
 * @param options.isRepeat an equal product that nobody has changed is the one that an earlier try made
 * @throws AppError `DUPLICATE_NAME`, `UNKNOWN_CATEGORY`, `UNKNOWN_MERCHANT`; `SKU_UNCLEAR` with `character` where people could not tell the SKU from another one
 */
export function createProduct(
  db: Database,
  sku: string,
  edited: EditedProduct,
  { isRepeat, actor }: { isRepeat: boolean; actor: string },
): Promise<Versioned<ProductView>> {
  return db.retrying(async (tx) => {
    await lockName(tx, 'sku', sku);
    const fields = { ...edited, merchant: edited.merchant ?? HOUSE };
    const found = isRepeat ? await readProduct(tx, sku) : null;
    if (found && found.version === 1 && isEqual(found, fields)) return found;
    const unclear = unclearCharacter(sku);
    if (unclear) throw new AppError('SKU_UNCLEAR', unclear.reason, { character: unclear.character });
    refuseAlike(
      'product',
      sku,
      (await selectAlike(tx, sku)).map((row) => row.sku),
    );
    const categoryId = await categoryIdOf(tx, fields, null);
    await insertProduct(tx, sku, fields, {
      categoryId,
      merchantId: await knownMerchantId(tx, fields.merchant),
    });
    await recordChange(tx, {
      actor,
      action: 'product.added',
      subject: { type: 'product', id: sku },
      after: fieldsOf(fields),
    });
    return existing(tx, sku);
  });
}

export interface ProductEditing {
  db: Database;
  /** Locks the stock rows that follow products into other categories, before the products are locked. */
  lockMovedStock(tx: Transaction, moves: readonly CategoryMove[]): Promise<void>;
}

/**
 * Changes a product. Placed orders keep their prices, their currency and their merchants.
 *
 * @throws AppError `NOT_FOUND`, `PRECONDITION_FAILED`, `UNKNOWN_CATEGORY`, `UNKNOWN_MERCHANT`
 */
export async function updateProduct(
  { db, lockMovedStock }: ProductEditing,
  sku: string,
  edited: EditedProduct,
  { seen, actor }: { seen: Seen; actor: string },
): Promise<Versioned<ProductView>> {
  for (;;) {
    const updated = await db.retrying(async (tx) => {
      const before = await selectBefore(tx, sku);
      if (!before || !isSeen(before, seen)) refuseUpdate('product', before, seen);
      const fields = { ...edited, merchant: edited.merchant ?? before.merchant };
      const categoryId = await categoryIdOf(tx, fields, before.category);
      const merchantId =
        fields.merchant === before.merchant ? before.merchantId : await knownMerchantId(tx, fields.merchant);
      if (categoryId !== before.categoryId) await lockMovedStock(tx, [{ productId: before.id, categoryId }]);
      const count = await updateProductFields(tx, sku, fields, {
        categoryId,
        merchantId,
        version: before.version,
      });
      // It was changed between the statements.
      if (count === 0) return null;
      await recordChange(tx, {
        actor,
        action: 'product.changed',
        subject: { type: 'product', id: sku },
        before: fieldsOf(before),
        after: fieldsOf(fields),
      });
      return existing(tx, sku);
    });
    if (updated) return updated;
  }
}

/**
 * Takes a product out of sale, or puts it on sale again. Its stock, and what is ordered of it, stay. Again, it changes nothing.
 *
 * @throws AppError `NOT_FOUND`
 */
export function setProductActive(
  db: Database,
  { sku, active, actor }: { sku: string; active: boolean; actor: string },
): Promise<Versioned<ProductView>> {
  return db.retrying(async (tx) => {
    if (await updateProductActive(tx, sku, active))
      await recordChange(tx, {
        actor,
        action: active ? 'product.restored' : 'product.archived',
        subject: { type: 'product', id: sku },
      });
    const product = await readProduct(tx, sku);
    return product ?? refuseUpdate('product', product, null);
  });
}

const FIELDS = ['name', 'description', 'category', 'priceMinor', 'currency', 'merchant'] as const;

function isEqual(product: ProductView, fields: EditedProduct): boolean {
  return FIELDS.every((name) => product[name] === fields[name]);
}

function fieldsOf(fields: EditedProduct): AuditValues {
  return Object.fromEntries(FIELDS.map((name) => [name, fields[name]]));
}

/** A category that is archived takes no further product; one that is in it may stay. */
async function categoryIdOf(
  tx: Transaction,
  { category }: Pick<EditedProduct, 'category'>,
  before: string | null,
): Promise<number | null> {
  if (category === null) return null;
  const found = await selectCategory(tx, category);
  if (!found) throw new AppError('UNKNOWN_CATEGORY', `There is no category ${category}.`);
  if (found.archived && category !== before)
    throw new AppError('UNKNOWN_CATEGORY', `The category ${category} is archived.`);
  return found.id;
}

async function existing(tx: Transaction, sku: string): Promise<Versioned<ProductView>> {
  const product = await readProduct(tx, sku);
  if (!product) throw new Error(`the product ${sku} is gone`);
  return product;
}
