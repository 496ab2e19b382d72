import type { Transaction } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import { isSubjectsOwn } from '../../platform/errors';
import { serveReady } from '../../platform/serve-ready';
import type { Logger } from '../../platform/telemetry/log';
import { failuresByDue, forgetFailures, recordFailure } from '../stock/alerts/failed-work';
import { serveWebhook, type DeliveryContext } from './serve';
import { existsEnabled, isEnabled, selectMsLeft, selectReady } from './dispatch-queries';
import { lockWebhook } from './queries';
import type { DispatchRound } from './types';

export {
  existsEnabled as hasEnabledWebhooks,
  existsReady as webhooksAreDue,
  selectDueSeconds as webhooksDueSeconds,
} from './dispatch-queries';

/** Webhooks that one process delivers to at once. */
const AT_ONCE = 32;
/** For how long one of them keeps its place at a stretch, milliseconds. */
const STRETCH_MS = 20_000;

const WORK = 'deliver_webhook';

/** Leaves the message that wakes the dispatcher, where there is somebody to be told of events. */
export async function wakeWebhooks(tx: Transaction): Promise<void> {
  if (await existsEnabled(tx)) await enqueue(tx, [{ topic: 'webhooks.ready', key: '' }]);
}

/**
 * Delivers what is due to all webhooks, to several at once, until nothing has been due for a while or `signal` is aborted. One with which
 * it fails by an error of ours is logged and left to a later round, and holds up no other. Where the error is the webhook's own, such as a
 * secret that cannot be decrypted, an alert tells of it, and it is put off longer each time.
 */
export async function dispatchWebhooks(
  context: DeliveryContext,
  { signal, log, withinMs }: { signal: AbortSignal; log: Pick<Logger, 'error'>; withinMs: number },
): Promise<DispatchRound> {
  const { db } = context;
  const total = { delivered: 0, failed: 0 };
  const { due: failedBefore } = await failuresByDue(db, WORK);

  async function serve(id: string, goesOn: () => boolean): Promise<void> {
    const stretch = performance.now() + STRETCH_MS;
    const { delivered, failed } = await serveWebhook(
      context,
      id,
      () => goesOn() && performance.now() < stretch,
    );
    total.delivered += delivered;
    total.failed += failed;
    if (delivered > 0 && failedBefore.includes(id) && (await isEnabled(db, id)))
      await forgetFailures(db, WORK, [id]);
  }

  async function failed(id: string, error: unknown): Promise<void> {
    if (!isSubjectsOwn(error)) {
      log.error({ err: error, webhookId: id }, 'a webhook could not be delivered to; the others go on');
      return;
    }
    await db
      .retrying(async (tx) => {
        // Of one that was removed meanwhile nobody would ever end the alert.
        if (await lockWebhook(tx, id)) await recordFailure(tx, { work: WORK, subject: id, error });
      })
      .catch((unwritten: unknown) => {
        log.error({ err: unwritten, webhookId: id }, 'the failure of a webhook could not be written down');
      });
  }

  const ready = (limit: number) => selectReady(db, limit);
  await serveReady({ ready, serve, failed, atOnce: AT_ONCE }, { signal, withinMs });
  return { ...total, msLeft: await selectMsLeft(db) };
}
