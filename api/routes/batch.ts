import { applyUpdates } from '../../domain/stock/adjustments/batch';
import { CHANGE_INVENTORY } from '../http/access';
import { API_BASE } from '../http/paths';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { runOnce } from '../idempotency/run-once';
import { batch, batchResult, MAX_UPDATES } from '../schemas/batch';
import type { ApiContext } from '../services/context';

/** So that the most updates, each with every text at its longest, fit. */
const BODY_LIMIT_BYTES = 4 * 1_048_576;

export function batchRoutes(context: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/inventory/batch`,
        access: CHANGE_INVENTORY,
        tag: 'Inventory',
        summary: 'Change what is on hand in many places',
        description:
          `Up to ${MAX_UPDATES} updates, judged in their order. Atomic: all or none. Otherwise each has its own outcome; ` +
          'a batch that broke off and is sent again with its key goes on where it was.',
        keyed: true,
        body: batch,
        bodyLimitBytes: BODY_LIMIT_BYTES,
        responses: {
          200: { description: 'The outcome of each update, in their order', schema: batchResult },
        },
        problems: ['BATCH_REJECTED', 'IDEMPOTENCY_IN_FLIGHT', 'IDEMPOTENCY_KEY_REUSED', 'VALIDATION_FAILED'],
      },
      (call) =>
        runOnce(context, call, 'POST /inventory/batch', async (batchId) => {
          const wanted = { batchId, actor: call.caller, ...call.body };
          const { outcomes, ...counts } = await applyUpdates(context, wanted);
          return ok({ ...counts, results: outcomes });
        }),
    ),
  ];
}
