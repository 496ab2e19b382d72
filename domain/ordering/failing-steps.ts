import type { Database } from '../../platform/database/database';
import { attentionDetails, raiseAttention, resolveAttention } from '../orders/attention';
import { existingProgress } from './progress';
import type { OrderProgress } from './types';

export interface FailingSteps {
  orderId: string;
  /** Which steps fail. `about`: the payment or refund that is asked about, else the order. */
  failing: { about: string; step: string; why: string }[];
  /** About these nothing is known: what was said of them stays. */
  unknown: string[];
}

/**
 * Says that an order needs a person for steps that fail each time they are tried, and no longer for those that do not. Again, it
 * changes nothing.
 */
export async function tellOfFailingSteps(
  db: Database,
  { orderId, failing, unknown }: FailingSteps,
): Promise<OrderProgress> {
  const stays = new Set([...failing.map(({ about }) => about), ...unknown]);
  await db.retrying(async (tx) => {
    const told = await attentionDetails(tx, orderId, 'step_failing');
    const over = told.flatMap(({ about }) => (typeof about === 'string' && !stays.has(about) ? [about] : []));
    await resolveAttention(
      tx,
      over.map((about) => ({ kind: 'step_failing', about })),
    );
    await raiseAttention(
      tx,
      failing.map(({ about, step, why }) => ({
        orderId,
        kind: 'step_failing',
        about,
        why: `The step "${step}" fails each time. ${why}`,
        details: { step },
      })),
    );
  });
  return existingProgress(db, orderId);
}
