import type { Database, Queryable } from '../../platform/database';
import { selectProgress } from './queries';
import type { TransferProgress, TransferView } from './types';
import {
  selectTransfer,
  selectTransferPage,
  type TransferFilter,
  type TransferPosition,
} from './view-queries';

export type { TransferFilter, TransferPosition };

/** A transfer, or null when there is none with this id. */
export async function readTransfer(on: Queryable, transferId: string): Promise<TransferView | null> {
  return (await selectTransfer(on, transferId)) ?? null;
}

/** A page of transfers, newest first. `next`: where the next one begins, null at the end. */
export async function listTransfers(
  db: Database,
  filter: TransferFilter,
): Promise<{ items: TransferView[]; next: TransferPosition | null }> {
  const found = await selectTransferPage(db, filter);
  const page = found.slice(0, filter.limit);
  const last = found.length > filter.limit ? page.at(-1) : undefined;
  return {
    items: page.map(({ createdAtMicros: _, ...view }) => view),
    next: last ? { createdAtMicros: last.createdAtMicros, id: last.id } : null,
  };
}

/** How far a transfer has come, or null when there is none with this id. */
export async function readProgress(on: Queryable, transferId: string): Promise<TransferProgress | null> {
  return (await selectProgress(on, transferId)) ?? null;
}
