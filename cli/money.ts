import { retryCapture, settleCaptureByHand } from '../domain/payments/captures-by-hand';
import { retryRefund, settleByHand } from '../domain/payments/refunds-by-hand';
import type { RefundSettlement } from '../domain/payments/types';
import { askLimitMs, type Settings } from '../platform/config';
import { operator } from './operator';
import type { Output } from './output';
import { withDatabase } from './verify';

export type MoneyKind = 'refund' | 'capture';

/** `holdfast refund retry`, `holdfast capture retry`: lets one that is not made be tried again now. */
export function runRetry(
  settings: Settings,
  { kind, id }: { kind: MoneyKind; id: string },
  output: Output,
): Promise<number> {
  return withDatabase(settings, async (db) => {
    const by = { actor: operator(), askLimitMs: askLimitMs(settings) };
    const retried =
      kind === 'refund'
        ? await retryRefund(db, { refundId: id, ...by })
        : await retryCapture(db, { captureId: id, ...by });
    output.json(retried);
    const { status, amountMinor } = retried;
    const what =
      status === 'failed'
        ? 'the gateway was asked about it just now; say it again in some seconds'
        : "the order's saga tries it again";
    output.line(`${id}  ${amountMinor} minor units, ${status}: ${what}.`);
    return 0;
  });
}

export interface Resolution {
  kind: MoneyKind;
  id: string;
  outcome: RefundSettlement;
  reference: string | null;
  reason: string;
}

/** `holdfast refund resolve`, `holdfast capture resolve`: records what was done instead. */
export function runResolve(
  settings: Settings,
  { kind, id, ...how }: Resolution,
  output: Output,
): Promise<number> {
  return withDatabase(settings, async (db) => {
    const actor = operator();
    const settled =
      kind === 'refund'
        ? await settleByHand(db, { ...how, refundId: id, actor })
        : await settleCaptureByHand(db, { ...how, captureId: id, actor, askLimitMs: askLimitMs(settings) });
    output.json(settled);
    const { settledAs, amountMinor } = settled;
    output.line(`${id}  ${amountMinor} minor units, settled by hand: ${settledAs}.`);
    return 0;
  });
}
