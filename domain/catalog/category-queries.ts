import { execute, many, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { BYTEWISE } from '../../platform/database/pages';
import type { CategoryView, Versioned } from './types';

export function selectCategoryId(on: Queryable, code: string): Promise<{ id: number } | undefined> {
  return maybeOne(on, 'catalog.category_id', 'select id from categories where code = $1', [code]);
}

export type CategoryRow = Versioned<CategoryView> & { id: number };

export function selectCategory(on: Queryable, code: string): Promise<CategoryRow | undefined> {
  return maybeOne<CategoryRow>(
    on,
    'catalog.category',
    'select id, code, name, archived, version from categories where code = $1',
    [code],
  );
}

/** Categories after one, by the bytes of their code. */
export function selectCategories(
  on: Queryable,
  page: { after: string | null; limit: number; offset: number; archived: boolean },
): Promise<CategoryView[]> {
  return many<CategoryView>(
    on,
    'catalog.categories',
    `select code, name, archived from categories
     where archived = $4 and ($1::text is null or code ${BYTEWISE} > $1) order by code ${BYTEWISE} limit $2 offset $3`,
    [page.after, page.limit, page.offset, page.archived],
  );
}

/** Codes that are this one but for capitals: at most a few. */
export function selectCategoriesAlike(on: Queryable, code: string): Promise<{ code: string }[]> {
  return many(
    on,
    'catalog.categories_alike',
    'select code from categories where lower(code) = lower($1) order by code',
    [code],
  );
}

export function insertCategory(tx: Transaction, code: string, name: string): Promise<number> {
  return execute(tx, 'catalog.insert_category', 'insert into categories (code, name) values ($1, $2)', [
    code,
    name,
  ]);
}

/** Returns 0 where there is no such category, or it has another version. */
export function updateCategoryName(
  tx: Transaction,
  code: string,
  name: string,
  version: number,
): Promise<number> {
  return execute(
    tx,
    'catalog.update_category',
    `update categories set name = $2, version = version + 1, updated_at = clock_timestamp()
     where code = $1 and version = $3`,
    [code, name, version],
  );
}

/** Returns 0 where there is no such category, or it is so already. */
export function updateCategoryArchived(tx: Transaction, code: string, archived: boolean): Promise<number> {
  return execute(
    tx,
    'catalog.archive_category',
    `update categories set archived = $2, version = version + 1, updated_at = clock_timestamp()
     where code = $1 and archived <> $2`,
    [code, archived],
  );
}
