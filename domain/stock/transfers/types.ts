export const TRANSFER_STATUSES = ['in_transit', 'completed', 'cancelled'] as const;
export type TransferStatus = (typeof TRANSFER_STATUSES)[number];

/** `immediate`: the units are there at once; `in_transit`: they are on their way until they are received. */
export const TRANSFER_MODES = ['immediate', 'in_transit'] as const;
export type TransferMode = (typeof TRANSFER_MODES)[number];

/** A transfer as clients see it. Every unit is received, lost, returned or still open. */
export interface TransferView {
  id: string;
  sku: string;
  /** Warehouse codes. */
  from: string;
  to: string;
  mode: TransferMode;
  status: TransferStatus;
  quantity: number;
  received: number;
  lost: number;
  /** Back at the source, by a cancellation. */
  returned: number;
  /** On the way. */
  open: number;
  reason: string | null;
  reference: string | null;
  /** All times RFC 3339. Null: there was nothing to wait for. */
  expectedAt: string | null;
  /** When it was found not to have arrived in time. */
  overdueAt: string | null;
  createdAt: string;
  updatedAt: string;
}

/** What the workflow of a transfer goes by. */
export interface TransferProgress {
  status: TransferStatus;
  sku: string;
  from: string;
  to: string;
  quantity: number;
  received: number;
  lost: number;
  returned: number;
  open: number;
  expectedAt: string | null;
  isOverdue: boolean;
  /** Milliseconds by PostgreSQL's clock until it should have arrived; null: it is not waited for. */
  msLeft: number | null;
}

declare module '../../../platform/database/outbox' {
  interface OutboxTopics {
    /** Wakes the workflow of a transfer, or starts it. */
    'transfer.wake': 'transferId';
  }
}
