import type { Queryable } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { selectCategoryId } from './category-queries';

/** @throws AppError `UNKNOWN_CATEGORY` */
export async function findCategoryId(on: Queryable, code: string): Promise<number> {
  const found = await selectCategoryId(on, code);
  if (!found) throw new AppError('UNKNOWN_CATEGORY', `There is no category ${code}.`);
  return found.id;
}
