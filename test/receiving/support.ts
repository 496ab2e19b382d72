import { correctReceipt, reverseReceipt } from '../../domain/warehousing/receiving/change-receipt';
import type { LineCorrection, ReceiptInput, ReceiptView } from '../../domain/warehousing/receiving/types';
import { newId } from '../../platform/ids';
import type { OrderShop } from '../db/support';
import { withStock } from '../support/stock';
import { deliver } from '../tracking/support';

/** What tests of corrected receipts do in AMS. `shop` is asked when they do it. */
export function correctingIn(shop: () => OrderShop) {
  const change = ({ id }: ReceiptView) => ({
    receiptId: id,
    changeId: newId(),
    reason: 'mistyped',
    actor: 'clerk',
  });
  const take = (lines: ReceiptInput['lines']) => deliver(shop().db, lines);
  const correct = (receipt: ReceiptView, ...corrections: LineCorrection[]) =>
    correctReceipt(withStock(shop().db), { ...change(receipt), corrections });
  const reverse = (receipt: ReceiptView) => reverseReceipt(withStock(shop().db), change(receipt));
  return { take, correct, reverse };
}
