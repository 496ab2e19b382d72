import type { Database, Queryable, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { pageIn, withoutMicros, type Page } from '../../../platform/database/pages';
import { selectHold, selectQualityHoldPage, type HoldFilter } from './queries';
import type { QualityHoldView } from './types';

/** Null: no such hold. */
export async function readQualityHold(on: Queryable, id: string): Promise<QualityHoldView | null> {
  const found = await selectHold(on, id);
  return found ? withoutMicros(found) : null;
}

/** The hold of a transaction that works on it. */
export async function holdIn(tx: Transaction, id: string): Promise<QualityHoldView> {
  const hold = await readQualityHold(tx, id);
  if (!hold) throw new AppError('NOT_FOUND', 'There is no such quality hold.');
  return hold;
}

/** A page of quality holds, newest first. */
export async function listQualityHolds(db: Database, filter: HoldFilter): Promise<Page<QualityHoldView>> {
  return pageIn(await selectQualityHoldPage(db, filter), filter.limit, withoutMicros);
}
