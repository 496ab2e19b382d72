import { recordEntries } from '../../domain/event-log/record';
import { createWebhookSecrets } from '../../domain/webhooks/secrets';
import type { DeliveryContext } from '../../domain/webhooks/serve';
import type { DeliveryView, WebhookWithSecret } from '../../domain/webhooks/types';
import { createWebhook, listDeliveries } from '../../domain/webhooks/webhooks';
import { allowedNetworks } from '../../integrations/webhook-sender/address';
import { createWebhookSender } from '../../integrations/webhook-sender/sender';
import type { Database } from '../../platform/database/database';
import { numberAll } from '../events/support';
import { openTestShop } from '../support/fixtures';
import { namesOf, RECEIVER_CA, startReceiver, type Received, type Receiver } from './receiver';

export const ACTOR = 'service:test';
export const secrets = createWebhookSecrets([{ id: 'one', key: Buffer.alloc(32, 7) }]);
export const always = () => true;

export const send = createWebhookSender({
  allowed: allowedNetworks(['127.0.0.1']),
  timeoutMs: 1_000,
  ca: RECEIVER_CA,
  addressesOf: namesOf(),
});

export const subjectOf = ({ body }: Received) => (JSON.parse(body) as { subject: { id: string } }).subject.id;

export interface WebhookShop {
  db: Database;
  receiver: Receiver;
  context: DeliveryContext;
  /** Makes a webhook that is told of jobs, of the shop's receiver unless given. */
  add(url?: string): Promise<WebhookWithSecret>;
  /** Events with these subjects, each in a transaction of its own, numbered. */
  happen(...ids: string[]): Promise<void>;
  /** What a receiver was told of, in order; that of the shop unless given. */
  subjects(of?: Receiver): string[];
  deliveriesOf(id: string): Promise<DeliveryView[]>;
  /** As if the pause before the next try were over. */
  letTimePass(): Promise<unknown>;
  close(): Promise<void>;
}

/** A shop, and a real receiver. */
export async function openWebhookShop(): Promise<WebhookShop> {
  const [shop, receiver] = await Promise.all([openTestShop(), startReceiver()]);
  const { db } = shop;
  const context: DeliveryContext = { db, secrets, send, userAgent: 'Holdfast/test' };
  return {
    db,
    receiver,
    context,
    add: (url = receiver.url) => createWebhook(context, { url, description: null, types: ['job.*'] }, ACTOR),
    async happen(...ids) {
      for (const id of ids)
        await db.transaction((tx) =>
          recordEntries(tx, [
            { type: 'job.started', subject: { type: 'job', id }, actor: 'test', data: { type: 'feed' } },
          ]),
        );
      await numberAll(db);
    },
    subjects: (of = receiver) => of.received.map(subjectOf),
    deliveriesOf: async (id) => (await listDeliveries(db, { webhookId: id, limit: 100, offset: 0 })).items,
    letTimePass: () =>
      db.pool.query(`update webhook_deliveries set next_try_at = clock_timestamp() where status = 'pending'`),
    async close() {
      await Promise.all([shop.close(), receiver.close()]);
    },
  };
}
