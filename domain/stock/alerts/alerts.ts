import type { Transaction } from '../../../platform/database/database';
import { insertAlert, insertTransferAlert, removeTransfer, resolveOpenAlert } from './queries';
import type { AlertKey, OverdueTransfer } from './types';

/**
 * Raises an alert, in the transaction that makes it true. While one of this kind is open or acknowledged for the product and
 * location it stays, with the details of now; raised again with the same details nothing changes.
 */
export async function raiseAlert(
  tx: Transaction,
  alert: AlertKey & { details: Readonly<Record<string, unknown>> },
): Promise<void> {
  await insertAlert(tx, alert);
}

/** Resolves the open or acknowledged alert of this kind, if there is one. */
export async function resolveAlert(tx: Transaction, alert: AlertKey): Promise<void> {
  await resolveOpenAlert(tx, alert);
}

/**
 * Tells of a transfer that should have arrived at `warehouseId`. All that are overdue there share one alert, whose details list
 * them as `transferIds`; a further one opens an acknowledged alert again.
 */
export async function raiseTransferOverdue(tx: Transaction, transfer: OverdueTransfer): Promise<void> {
  await insertTransferAlert(tx, transfer);
}

/** Takes a transfer off the alert of its location; without any left the alert is resolved. */
export async function resolveTransferOverdue(tx: Transaction, transfer: OverdueTransfer): Promise<void> {
  await removeTransfer(tx, transfer);
}
