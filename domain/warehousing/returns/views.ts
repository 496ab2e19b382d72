import type { Database, Queryable, Transaction } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { pageIn, withoutMicros, type Page } from '../../../platform/database/pages';
import { selectReturn, selectReturnOrder, selectReturnPage, type ReturnFilter } from './queries';
import type { ReturnView } from './types';

/** Null: no such return. */
export async function readReturn(on: Queryable, id: string): Promise<ReturnView | null> {
  const found = await selectReturn(on, id);
  return found ? withoutMicros(found) : null;
}

/** Id of the order that a return is of. Null: no such return. */
export async function readReturnOrder(on: Queryable, id: string): Promise<string | null> {
  return (await selectReturnOrder(on, id))?.orderId ?? null;
}

/** The return of a transaction that works on it. */
export async function returnIn(tx: Transaction, id: string): Promise<ReturnView> {
  const found = await readReturn(tx, id);
  if (!found) throw new AppError('NOT_FOUND', 'There is no such return.');
  return found;
}

/** A page of returns, newest first. */
export async function listReturns(db: Database, filter: ReturnFilter): Promise<Page<ReturnView>> {
  return pageIn(await selectReturnPage(db, filter), filter.limit, withoutMicros);
}
