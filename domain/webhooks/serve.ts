import type { Database, Transaction } from '../../platform/database/database';
import { isGivenUp, nextPause } from '../../platform/delivery-pauses';
import { newId } from '../../platform/ids';
import { signWebhook, type SignatureHeaders } from '../../platform/webhook-signature';
import { isAppError } from '../../platform/errors';
import { typesNamed } from '../events/catalogue';
import { readBounds, readEvents } from '../events/read';
import type { StreamEvent } from '../events/types';
import { EVERYTHING } from '../events/visibility';
import { recordFailure } from '../stock/alerts/failed-work';
import {
  countPending,
  disableWebhook,
  endTry,
  insertDeliveries,
  insertTry,
  leaseWebhook,
  movePosition,
  noteHealth,
  releaseWebhook,
  selectDue,
  type DueDelivery,
  type LeasedWebhook,
} from './dispatch-queries';
import { bodyOf, messageId } from './message';
import { isTaken, MOST_PENDING } from './rules';
import type { WebhookSecrets } from './secrets';
import type { TryOutcome, WebhookAnswer, WebhookDisabled, WebhookSender } from './types';

export interface DeliveryContext {
  db: Database;
  secrets: WebhookSecrets;
  send: WebhookSender;
  userAgent: string;
  /** Called once what became of a try is written. */
  onTried?: (outcome: TryOutcome) => void;
}

/** Longer than one request takes with what is written of it: a dispatcher that dies has its webhooks taken over so much later. */
const LEASE_SECONDS = 60;
const PLANNED_AT_ONCE = 500;
const DUE_AT_ONCE = 20;

export interface Served {
  delivered: number;
  failed: number;
}

/**
 * Delivers what is due to one webhook, one message after the other, in the order of positions but for those that are tried again. Until
 * nothing is due, `goesOn` says no, or the webhook is disabled. Does nothing where somebody else delivers to it.
 *
 * Each outcome is written before the next message is sent. A process that dies after it has sent one sends it again, under the same id.
 */
export async function serveWebhook(
  context: DeliveryContext,
  id: string,
  goesOn: () => boolean,
): Promise<Served> {
  const { db } = context;
  const lease = newId();
  const served: Served = { delivered: 0, failed: 0 };
  try {
    while (goesOn()) {
      const webhook = await leaseWebhook(db, { id, lease, seconds: LEASE_SECONDS });
      if (!webhook) return served;
      const isCaughtUp = await plan(db, webhook);
      const due = await selectDue(db, id, DUE_AT_ONCE);
      if (due.length === 0 && isCaughtUp) return served;
      for (const delivery of due) {
        if (!goesOn()) return served;
        // As it is by now: its address may have been changed, or its secret.
        const current = await leaseWebhook(db, { id, lease, seconds: LEASE_SECONDS });
        if (!current) return served;
        const outcome = await deliver(context, current, delivery);
        context.onTried?.(outcome);
        if (outcome === 'delivered') served.delivered += 1;
        else served.failed += 1;
      }
    }
    return served;
  } finally {
    await releaseWebhook(db, id, lease);
  }
}

/** Plans deliveries of the next events. Returns whether nothing more can be planned now. */
async function plan(db: Database, { id, types, position }: LeasedWebhook): Promise<boolean> {
  if ((await countPending(db, id)) >= MOST_PENDING) return true;
  return db.retrying(async (tx) => {
    const { oldest } = await readBounds(tx);
    const page = await readEvents(tx, {
      // What is kept no more cannot be delivered.
      after: Math.max(position, oldest - 1),
      types: types.flatMap(typesNamed),
      limit: PLANNED_AT_ONCE,
      visible: EVERYTHING,
    });
    await insertDeliveries(tx, id, page.items);
    await movePosition(tx, id, page.after);
    return page.atEnd;
  });
}

/** Sends one event and writes what came of it. */
async function deliver(
  context: DeliveryContext,
  webhook: LeasedWebhook,
  delivery: DueDelivery,
): Promise<TryOutcome> {
  const event = await readOne(context.db, delivery.position);
  if (!event) {
    await context.db.retrying((tx) =>
      endTry(tx, { id: webhook.id, position: delivery.position }, { status: 'failed', next: null }),
    );
    return 'failed';
  }
  const body = bodyOf(event);
  const message = { id: messageId(event.position), body };
  // The signature is sent, and not written down.
  const { 'webhook-signature': signature, ...rest } = signatureOf(context.secrets, webhook, message);
  const headers = { 'content-type': 'application/json', 'user-agent': context.userAgent, ...rest };
  const answer = await context.send({
    url: webhook.url,
    headers: { ...headers, 'webhook-signature': signature },
    body,
  });
  return record(context.db, webhook, { ...delivery, headers, answer });
}

function signatureOf(
  secrets: WebhookSecrets,
  { id, secret, previousSecret }: LeasedWebhook,
  message: { id: string; body: string },
): SignatureHeaders {
  const open = (sealed: Buffer) => secrets.open(id, sealed);
  return signWebhook([open(secret), ...(previousSecret ? [open(previousSecret)] : [])], message);
}

/** Null: it is kept no more. */
async function readOne(db: Database, position: number): Promise<StreamEvent | null> {
  try {
    const page = await readEvents(db, {
      after: position - 1,
      upTo: position,
      types: undefined,
      limit: 1,
      visible: EVERYTHING,
    });
    const [event] = page.items;
    return event?.position === position ? event : null;
  } catch (error) {
    if (isAppError(error, 'EVENTS_EXPIRED')) return null;
    throw error;
  }
}

const GONE = 410;

/** A request that was made, and how it was answered. */
type MadeTry = DueDelivery & { headers: Readonly<Record<string, string>>; answer: WebhookAnswer };

async function record(db: Database, webhook: LeasedWebhook, made: MadeTry): Promise<TryOutcome> {
  const { status, error: failure } = made.answer;
  const error = isTaken(status) ? null : (failure ?? `the receiver answered ${status}`);
  return db.retrying((tx) => writeTry(tx, webhook, { ...made, error }));
}

/**
 * Writes a try; where the webhook is disabled by it, with the alert that tells of that.
 *
 * @param made.error null: it was taken
 */
async function writeTry(
  tx: Transaction,
  { id, url }: LeasedWebhook,
  { position, tries, headers, answer, error }: MadeTry & { error: string | null },
): Promise<TryOutcome> {
  const { status, millis, retryAfterSeconds } = answer;
  const isDelivered = error === null;
  // The webhook's row first, as everywhere.
  const failingSeconds = await noteHealth(tx, id, isDelivered);
  const made = { id, position, tries, headers, millis, status, answer: answer.body, error };
  const seconds = await insertTry(tx, made);
  if (seconds === undefined) return isDelivered ? 'delivered' : 'postponed';
  if (isDelivered) {
    await endTry(tx, { id, position }, { status: 'delivered', next: null });
    return 'delivered';
  }
  const pause = { tries: tries + 1, seconds, retryAfterSeconds, random: Math.random() };
  const next = status === GONE ? null : nextPause(pause);
  await endTry(tx, { id, position }, { status: next === null ? 'failed' : 'pending', next });
  const why = whyDisabled(status, failingSeconds);
  if (why !== null && (await disableWebhook(tx, { id, url }, why)) > 0)
    await recordFailure(tx, { work: 'deliver_webhook', subject: id, error: new Error(error) });
  return next === null ? 'failed' : 'postponed';
}

/** Why a webhook that has not taken a message is disabled; null: it is not. */
function whyDisabled(status: number | null, failingSeconds: number): WebhookDisabled | null {
  if (status === GONE) return 'gone';
  return isGivenUp(failingSeconds) ? 'failing' : null;
}
