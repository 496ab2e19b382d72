import type { Database, Queryable } from '../../../platform/database/database';
import { pageIn, withoutMicros, type Page } from '../../../platform/database/pages';
import { selectProgress } from './queries';
import type { TransferProgress, TransferView } from './types';
import { selectTransfer, selectTransferPage, type TransferFilter } from './view-queries';

/** A transfer, or null when there is none with this id. */
export async function readTransfer(on: Queryable, transferId: string): Promise<TransferView | null> {
  return (await selectTransfer(on, transferId)) ?? null;
}

/** A page of transfers, newest first. `next`: where the next one begins, null at the end. */
export async function listTransfers(db: Database, filter: TransferFilter): Promise<Page<TransferView>> {
  const found = await selectTransferPage(db, filter);
  return pageIn(found, filter.limit, withoutMicros);
}

/** How far a transfer has come, or null when there is none with this id. */
export async function readProgress(on: Queryable, transferId: string): Promise<TransferProgress | null> {
  return (await selectProgress(on, transferId)) ?? null;
}
