import { decideReview } from '../domain/ordering/review';
import type { ReviewOutcome } from '../domain/orders/types';
import type { Settings } from '../platform/config';
import { operator } from './operator';
import type { Output } from './output';
import { withDatabase } from './verify';

/** `holdfast order review`: decides about an order that waits for its review. */
export function runOrderReview(
  settings: Settings,
  decision: { orderId: string; outcome: ReviewOutcome; note: string | null },
  output: Output,
): Promise<number> {
  return withDatabase(settings, async (db) => {
    // Who types the command, as the order's history names them.
    await decideReview(db, { ...decision, actor: operator(), carrier: settings.CARRIER });
    output.line(`${decision.orderId}  ${decision.outcome}.`);
    output.json({ orderId: decision.orderId, outcome: decision.outcome });
    return 0;
  });
}
