import { cancelTransfer } from '../../domain/stock/transfers/cancel';
import { receiveTransfer, type ReceiptOfTransfer } from '../../domain/stock/transfers/receive';
import { startTransfer, type TransferRequest } from '../../domain/stock/transfers/start';
import type { TransferView } from '../../domain/stock/transfers/types';
import { newId } from '../../platform/ids';
import type { OrderShop } from './support';
import { withStock } from '../support/stock';

export interface TransferSteps {
  /** In transit from AMS to BER, unless told otherwise. */
  start(sku: string, quantity: number, rest?: Partial<TransferRequest>): Promise<TransferView>;
  receive(transfer: { id: string }, rest?: Partial<ReceiptOfTransfer>): Promise<TransferView>;
  cancel(transfer: { id: string }): Promise<TransferView>;
  /** `[kind, warehouse, units]` of each entry, in their order. */
  ledgerOf(transfer: { id: string }): Promise<[string, string, number][]>;
  overdueAlerts(sku: string): Promise<{ status: string; transferIds: string[] }[]>;
  /** Lets it be past due now. */
  makeLate(transfer: { id: string }): Promise<void>;
}

export function transferSteps({ db }: OrderShop): TransferSteps {
  return {
    start: (sku, quantity, rest = {}) =>
      startTransfer(withStock(db), {
        transferId: newId(),
        sku,
        from: 'AMS',
        to: 'BER',
        quantity,
        mode: 'in_transit',
        actor: 'tester',
        transitSeconds: 3_600,
        ...rest,
      }),
    receive: ({ id }, rest = {}) =>
      receiveTransfer(withStock(db), { transferId: id, receiptId: newId(), actor: 'tester', ...rest }),
    cancel: ({ id }) =>
      cancelTransfer(withStock(db), { transferId: id, actor: 'tester', reason: 'recalled' }),
    async ledgerOf({ id }) {
      const found = await db.pool.query<{ kind: string; code: string; delta: number }>(
        `select t.kind, w.code, t.on_hand_delta as delta from inventory_transactions t
         join warehouses w on w.id = t.warehouse_id where t.reference = 'transfer:' || $1 order by t.id`,
        [id],
      );
      return found.rows.map(({ kind, code, delta }) => [kind, code, delta]);
    },
    async overdueAlerts(sku) {
      const found = await db.pool.query<{ status: string; transferIds: string[] }>(
        `select a.status, a.details -> 'transferIds' as "transferIds" from alerts a
         join products p on p.id = a.product_id where p.sku = $1 and a.kind = 'transfer_overdue' order by a.id`,
        [sku],
      );
      return found.rows;
    },
    async makeLate({ id }) {
      await db.pool.query('update transfers set expected_at = clock_timestamp() where id = $1', [id]);
    },
  };
}
