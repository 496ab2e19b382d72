import { setTimeout as pause } from 'node:timers/promises';
import type { Queryable, Transaction } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import { isSubjectsOwn } from '../../platform/errors';
import type { Logger } from '../../platform/telemetry/log';
import { failuresByDue, forgetFailures, recordFailure } from '../stock/alerts/failed-work';
import { serveWebhook, type DeliveryContext } from './serve';
import { existsEnabled, isEnabled, selectMsLeft, selectReady } from './dispatch-queries';
import type { DispatchRound } from './types';

export {
  existsEnabled as hasEnabledWebhooks,
  existsReady as webhooksAreDue,
  selectDueSeconds as webhooksDueSeconds,
} from './dispatch-queries';

/** Webhooks that one process delivers to at once: one that is slow keeps a place, and no other from theirs. */
const AT_ONCE = 32;
/** For how long one of them keeps its place at a stretch, milliseconds. */
const STRETCH_MS = 20_000;
/** Between two looks for webhooks with something due, and how long nothing is to be due before the round ends. */
const LOOK_EVERY_MS = 200;
const IDLE_MS = 2_000;

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
  const until = performance.now() + withinMs;
  const total = { delivered: 0, failed: 0 };
  const underWay = new Map<string, Promise<void>>();
  const broken = new Set<string>();
  const { due: failedBefore } = await failuresByDue(db, WORK);
  let idleSince = performance.now();
  const goesOn = () => !signal.aborted && performance.now() < until;

  async function serve(id: string): Promise<void> {
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

  async function noteFailure(id: string, error: unknown): Promise<void> {
    broken.add(id);
    if (isSubjectsOwn(error)) await recordFailure(db, { work: WORK, subject: id, error });
    else log.error({ err: error, webhookId: id }, 'a webhook could not be delivered to; the others go on');
  }

  function begin(id: string): void {
    const work = serve(id)
      .catch((error: unknown) => noteFailure(id, error))
      .catch((error: unknown) => {
        log.error({ err: error, webhookId: id }, 'the failure of a webhook could not be written down');
      })
      .finally(() => {
        underWay.delete(id);
        idleSince = performance.now();
      });
    underWay.set(id, work);
  }

  while (goesOn() && (underWay.size > 0 || performance.now() < idleSince + IDLE_MS)) {
    for (const id of await ready(db, AT_ONCE - underWay.size, new Set([...underWay.keys(), ...broken])))
      begin(id);
    await pause(LOOK_EVERY_MS);
  }
  await Promise.all(underWay.values());
  return { ...total, msLeft: await selectMsLeft(db) };
}

async function ready(db: Queryable, room: number, without: ReadonlySet<string>): Promise<string[]> {
  if (room === 0) return [];
  const found = await selectReady(db, room + without.size);
  return found
    .map(({ id }) => id)
    .filter((id) => !without.has(id))
    .slice(0, room);
}
