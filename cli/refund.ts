import { userInfo } from 'node:os';
import { retryRefund, settleByHand } from '../domain/payments/refunds-by-hand';
import type { RefundSettlement } from '../domain/payments/types';
import type { Settings } from '../platform/config';
import type { Output } from './output';
import { withDatabase } from './verify';

/** `holdfast refund retry`: lets a refund that is not made be tried again now. */
export function runRefundRetry(settings: Settings, refundId: string, output: Output): Promise<number> {
  return withDatabase(settings, async (db) => {
    const { status, amountMinor } = await retryRefund(db, { refundId, actor: operator() });
    output.line(`${refundId}  ${amountMinor} minor units, ${status}: the order's saga tries it again.`);
    return 0;
  });
}

/** `holdfast refund resolve`: records what was done instead of a refund. */
export function runRefundResolve(
  settings: Settings,
  request: { refundId: string; outcome: RefundSettlement; reference: string | null; reason: string },
  output: Output,
): Promise<number> {
  return withDatabase(settings, async (db) => {
    const { settledAs, amountMinor } = await settleByHand(db, { ...request, actor: operator() });
    output.line(`${request.refundId}  ${amountMinor} minor units, settled by hand: ${settledAs}.`);
    return 0;
  });
}

/** Who types the command, as the order's history names them. */
function operator(): string {
  return userInfo().username;
}
