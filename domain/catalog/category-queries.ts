import { maybeOne, type Queryable } from '../../platform/database/database';

export function selectCategoryId(on: Queryable, code: string): Promise<{ id: number } | undefined> {
  return maybeOne(on, 'catalog.category_id', 'select id from categories where code = $1', [code]);
}
