import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { cutPage, pageIn, withoutMicros, type Page, type PageRequest } from '../../platform/database/pages';
import { AppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { recordChange } from '../audit/record';
import { typesNamed } from '../events/catalogue';
import { readBounds, readEvents } from '../events/read';
import { EVERYTHING } from '../events/visibility';
import { forgetFailures } from '../stock/alerts/failed-work';
import { planAgain } from './dispatch-queries';
import {
  deleteWebhook,
  insertWebhook,
  lockWebhook,
  selectDeliveryPage,
  selectWebhook,
  selectWebhookPage,
  updateSecret,
  updateWebhook,
  type DeliveryFilter,
} from './queries';
import type { WebhookSecrets } from './secrets';
import type { DeliveryView, WebhookView, WebhookWithSecret } from './types';

/** What somebody says of a webhook. */
export interface WebhookWish {
  url: string;
  description: string | null;
  /** Names of types, or beginnings such as `order.*`. */
  types: readonly string[];
}

/**
 * Makes a webhook, which is told of events from now on. Not by an idempotency key: the response, with the secret, is kept nowhere.
 *
 * @throws AppError `WEBHOOKS_NOT_SET_UP`
 */
export function createWebhook(
  { db, secrets }: { db: Database; secrets: WebhookSecrets },
  wish: WebhookWish,
  actor: string,
): Promise<WebhookWithSecret> {
  const id = newId();
  const { secret, sealed } = secrets.make(id);
  return db.retrying(async (tx) => {
    const { newest } = await readBounds(tx);
    await insertWebhook(tx, { id, ...wish, sealed, position: newest, actor });
    const view = await readWebhook(tx, id);
    await recordChange(tx, {
      actor,
      action: 'webhook.added',
      subject: { type: 'webhook', id },
      after: valuesOf(view),
    });
    return { ...view, secret };
  });
}

/** @throws AppError `WEBHOOK_NOT_FOUND` */
export async function readWebhook(on: Queryable, id: string): Promise<WebhookView> {
  const row = await selectWebhook(on, id);
  if (!row) throw notFound();
  return withoutMicros(row);
}

/** Newest first. */
export async function listWebhooks(db: Database, page: PageRequest): Promise<Page<WebhookView>> {
  return pageIn(await selectWebhookPage(db, page), page.limit, withoutMicros);
}

/**
 * Changes a webhook. One that is enabled again goes on where it stopped, as far as events are kept.
 *
 * @throws AppError `WEBHOOK_NOT_FOUND`
 */
export function changeWebhook(
  db: Database,
  id: string,
  { enabled, ...wish }: WebhookWish & { enabled: boolean },
  actor: string,
): Promise<WebhookView> {
  return db.retrying(async (tx) => {
    const before = await locked(tx, id);
    await updateWebhook(tx, { id, ...wish, disabled: enabled ? null : (before.disabled ?? 'by_hand') });
    const changed = await readWebhook(tx, id);
    await recordChange(tx, {
      actor,
      action: 'webhook.changed',
      subject: { type: 'webhook', id },
      before: valuesOf(before),
      after: valuesOf(changed),
    });
    if (enabled) await forgetFailures(tx, 'deliver_webhook', [id]);
    return changed;
  });
}

/** Removes a webhook and what is known of its deliveries. @throws AppError `WEBHOOK_NOT_FOUND` */
export async function removeWebhook(db: Database, id: string, actor: string): Promise<void> {
  await db.retrying(async (tx) => {
    const before = await locked(tx, id);
    await deleteWebhook(tx, id);
    await recordChange(tx, {
      actor,
      action: 'webhook.removed',
      subject: { type: 'webhook', id },
      before: valuesOf(before),
    });
    await forgetFailures(tx, 'deliver_webhook', [id]);
  });
}

/**
 * Gives a webhook a new secret. The one before signs as well for `overlapSeconds`, so that its receiver can take the new one meanwhile.
 *
 * @throws AppError `WEBHOOK_NOT_FOUND`, `WEBHOOKS_NOT_SET_UP`
 */
export function rotateSecret(
  { db, secrets }: { db: Database; secrets: WebhookSecrets },
  id: string,
  { overlapSeconds, actor }: { overlapSeconds: number; actor: string },
): Promise<WebhookWithSecret & { previousUntil: string }> {
  const { secret, sealed } = secrets.make(id);
  return db.retrying(async (tx) => {
    const rotated = await updateSecret(tx, { id, sealed, overlapSeconds });
    if (!rotated) throw notFound();
    await recordChange(tx, {
      actor,
      action: 'webhook.secret_rotated',
      subject: { type: 'webhook', id },
      after: { overlapSeconds },
    });
    return { ...(await readWebhook(tx, id)), secret, ...rotated };
  });
}

/** What became of events, the latest first. @throws AppError `WEBHOOK_NOT_FOUND` */
export async function listDeliveries(
  db: Database,
  filter: DeliveryFilter,
): Promise<{ items: DeliveryView[]; next: { before: number } | null }> {
  await readWebhook(db, filter.webhookId);
  const found = await selectDeliveryPage(db, filter);
  const { shown, next } = cutPage(found, filter.limit, ({ position }) => ({ before: position }));
  return { items: shown, next };
}

const PAGE = 500;

/**
 * Has events of the webhook's types with positions from `from` to `to` delivered again, or for the first time. What waits for its next try
 * stays as it is. Events beyond the webhook's own position come by themselves.
 *
 * @returns how many are due by it
 * @throws AppError `WEBHOOK_NOT_FOUND`, `EVENTS_EXPIRED`, `EVENTS_AHEAD`
 */
export async function redeliver(
  db: Database,
  id: string,
  { from, to, actor }: { from: number; to: number; actor: string },
): Promise<number> {
  const { types, position } = await readWebhook(db, id);
  const last = Math.min(to, position);
  let planned = 0;
  for (let after = from - 1; after < last;) {
    const page = await readEvents(db, {
      after,
      upTo: last,
      types: types.flatMap(typesNamed),
      limit: PAGE,
      visible: EVERYTHING,
    });
    planned += await db.retrying(async (tx) => {
      // The webhook's row first, as everywhere; it may have been removed meanwhile.
      await locked(tx, id);
      return planAgain(tx, id, page.items);
    });
    if (page.atEnd) break;
    after = page.after;
  }
  await db.retrying((tx) =>
    recordChange(tx, {
      actor,
      action: 'webhook.redelivered',
      subject: { type: 'webhook', id },
      after: { from, to, planned },
    }),
  );
  return planned;
}

async function locked(tx: Transaction, id: string): Promise<WebhookView> {
  const row = await lockWebhook(tx, id);
  if (!row) throw notFound();
  return withoutMicros(row);
}

function valuesOf({ url, description, types, disabled }: WebhookView): Record<string, unknown> {
  return { url, description, types, disabled };
}

function notFound(): AppError {
  return new AppError('WEBHOOK_NOT_FOUND', 'There is no such webhook.');
}
