import type { Database, Queryable } from '../../../platform/database/database';
import { pageIn, withoutMicros, type Page } from '../../../platform/database/pages';
import { selectReceiptPage, selectReceipts, type ReceiptFilter } from './queries';
import type { ReceiptView } from './types';

/** Null: no such receipt. */
export async function readReceipt(on: Queryable, id: string): Promise<ReceiptView | null> {
  const [found] = await selectReceipts(on, [id]);
  return found ? withoutMicros(found) : null;
}

/** A page of receipts, newest first. */
export async function listReceipts(db: Database, filter: ReceiptFilter): Promise<Page<ReceiptView>> {
  return pageIn(await selectReceiptPage(db, filter), filter.limit, withoutMicros);
}
