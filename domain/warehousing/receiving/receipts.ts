import type { Database, Queryable } from '../../../platform/database/database';
import { pageIn, type Page } from '../../../platform/database/pages';
import { selectReceiptPage, selectReceipts, type ReceiptFilter, type ReceiptRow } from './queries';
import type { ReceiptView } from './types';

/** Null: no such receipt. */
export async function readReceipt(on: Queryable, id: string): Promise<ReceiptView | null> {
  const [found] = await selectReceipts(on, [id]);
  return found ? asView(found) : null;
}

/** A page of receipts, newest first. */
export async function listReceipts(db: Database, filter: ReceiptFilter): Promise<Page<ReceiptView>> {
  return pageIn(await selectReceiptPage(db, filter), filter.limit, asView);
}

function asView({ createdAtMicros: _, ...view }: ReceiptRow): ReceiptView {
  return view;
}
