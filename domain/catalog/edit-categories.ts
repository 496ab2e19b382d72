import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { recordChange } from '../audit/record';
import {
  insertCategory,
  selectCategories,
  selectCategoriesAlike,
  selectCategory,
  updateCategoryArchived,
  updateCategoryName,
  type CategoryRow,
} from './category-queries';
import { isSeen, refuseAlike, refuseUpdate } from './changes';
import { lockName } from './name-lock-queries';
import type { CategoryView, Seen, Versioned } from './types';

/** Null: no such category. */
export async function readCategory(on: Queryable, code: string): Promise<Versioned<CategoryView> | null> {
  const found = await selectCategory(on, code);
  return found ? viewOf(found) : null;
}

/** A page of categories, by code. `next` is the code to go on after, or null at the end. */
export async function listCategories(
  on: Queryable,
  filter: { after?: string | undefined; limit: number; offset: number; archived?: boolean | undefined },
): Promise<{ items: CategoryView[]; next: string | null }> {
  const { after = null, limit, offset, archived = false } = filter;
  const found = await selectCategories(on, { after, limit: limit + 1, offset, archived });
  const items = found.slice(0, limit);
  return { items, next: found.length > limit ? (items.at(-1)?.code ?? null) : null };
}

/**
 * @param options.isRepeat an equal one that nobody has changed is the one that an earlier try made
 * @throws AppError `DUPLICATE_NAME`
 */
export function createCategory(
  db: Database,
  code: string,
  name: string,
  { isRepeat, actor }: { isRepeat: boolean; actor: string },
): Promise<Versioned<CategoryView>> {
  return db.retrying(async (tx) => {
    await lockName(tx, 'category', code);
    const found = isRepeat ? await selectCategory(tx, code) : undefined;
    if (found && found.version === 1 && found.name === name) return viewOf(found);
    refuseAlike(
      'category',
      code,
      (await selectCategoriesAlike(tx, code)).map((row) => row.code),
    );
    await insertCategory(tx, code, name);
    const made = await existing(tx, code);
    await recordChange(tx, {
      actor,
      action: 'category.added',
      subject: { type: 'category', id: code },
      after: { name },
    });
    return made;
  });
}

/** @throws AppError `NOT_FOUND`, `PRECONDITION_FAILED` */
export function updateCategory(
  db: Database,
  code: string,
  name: string,
  { seen, actor }: { seen: Seen; actor: string },
): Promise<Versioned<CategoryView>> {
  return db.retrying(async (tx) => {
    for (;;) {
      const before = await selectCategory(tx, code);
      if (!before || !isSeen(before, seen)) refuseUpdate('category', before, seen);
      // 0: it was changed between the two statements.
      if ((await updateCategoryName(tx, code, name, before.version)) === 0) continue;
      await recordChange(tx, {
        actor,
        action: 'category.changed',
        subject: { type: 'category', id: code },
        before: { name: before.name },
        after: { name },
      });
      return existing(tx, code);
    }
  });
}

/**
 * Lets a category take no further product, or take some again. Those that are in it stay. Again, it changes nothing.
 *
 * @throws AppError `NOT_FOUND`
 */
export function setCategoryArchived(
  db: Database,
  { code, archived, actor }: { code: string; archived: boolean; actor: string },
): Promise<Versioned<CategoryView>> {
  return db.retrying(async (tx) => {
    if (await updateCategoryArchived(tx, code, archived))
      await recordChange(tx, {
        actor,
        action: archived ? 'category.archived' : 'category.restored',
        subject: { type: 'category', id: code },
      });
    const category = await selectCategory(tx, code);
    return category ? viewOf(category) : refuseUpdate('category', category, null);
  });
}

async function existing(tx: Transaction, code: string): Promise<Versioned<CategoryView>> {
  const category = await selectCategory(tx, code);
  if (!category) throw new Error(`the category ${code} is gone`);
  return viewOf(category);
}

function viewOf({ id: _id, ...view }: CategoryRow): Versioned<CategoryView> {
  return view;
}
