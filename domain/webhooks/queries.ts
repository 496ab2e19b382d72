import {
  execute,
  maybeOne,
  type Database,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import { newestFirst, utc, utcMicros, type PageRequest } from '../../platform/database/pages';
import type { DeliveryStatus, DeliveryView, WebhookDisabled, WebhookView } from './types';

const WEBHOOK = `w.id, w.url, w.description, w.types, w.disabled, ${utc('w.disabled_at')} as "disabledAt", w.position,
  ${utc('w.failing_since')} as "failingSince", w.created_by as "createdBy", ${utc('w.created_at')} as "createdAt",
  ${utc('w.updated_at')} as "updatedAt", ${utcMicros('w.created_at')} as "createdAtMicros"`;

export type WebhookRow = WebhookView & { createdAtMicros: string };

export async function insertWebhook(
  tx: Transaction,
  made: {
    id: string;
    url: string;
    description: string | null;
    types: readonly string[];
    sealed: Buffer;
    position: number;
    actor: string;
  },
): Promise<void> {
  await execute(
    tx,
    'webhooks.insert',
    `insert into webhooks (id, url, description, types, secret, position, created_by) values ($1, $2, $3, $4, $5, $6, $7)`,
    [made.id, made.url, made.description, made.types, made.sealed, made.position, made.actor],
  );
}

export function selectWebhook(on: Queryable, id: string): Promise<WebhookRow | undefined> {
  return maybeOne<WebhookRow>(on, 'webhooks.by_id', `select ${WEBHOOK} from webhooks w where w.id = $1`, [
    id,
  ]);
}

/** So that what changes it does so one after the other. */
export function lockWebhook(tx: Transaction, id: string): Promise<WebhookRow | undefined> {
  return maybeOne<WebhookRow>(
    tx,
    'webhooks.lock',
    `select ${WEBHOOK} from webhooks w where w.id = $1 for no key update`,
    [id],
  );
}

/** Newest first; one more than asked for. */
export function selectWebhookPage(db: Database, page: PageRequest): Promise<WebhookRow[]> {
  const query = db.builder('webhooks as w').select(db.builder.raw(WEBHOOK));
  return db.list<WebhookRow>(newestFirst(query, { time: 'w.created_at', id: 'w.id' }, page));
}

export function updateWebhook(
  tx: Transaction,
  changed: {
    id: string;
    url: string;
    description: string | null;
    types: readonly string[];
    disabled: WebhookDisabled | null;
  },
): Promise<number> {
  return execute(
    tx,
    'webhooks.update',
    `update webhooks set url = $2, description = $3, types = $4, disabled = $5::text,
       disabled_at = case when $5::text is null then null else coalesce(disabled_at, clock_timestamp()) end,
       failing_since = case when $5::text is null and disabled is not null or url <> $2 then null else failing_since end,
       updated_at = clock_timestamp()
     where id = $1`,
    [changed.id, changed.url, changed.description, changed.types, changed.disabled],
  );
}

export function deleteWebhook(tx: Transaction, id: string): Promise<number> {
  return execute(tx, 'webhooks.delete', 'delete from webhooks where id = $1', [id]);
}

/** The one before signs as well for so many seconds. */
export function updateSecret(
  tx: Transaction,
  { id, sealed, overlapSeconds }: { id: string; sealed: Buffer; overlapSeconds: number },
): Promise<{ previousUntil: string } | undefined> {
  return maybeOne(
    tx,
    'webhooks.rotate_secret',
    `update webhooks set previous_secret = secret, secret = $2, updated_at = clock_timestamp(),
       previous_until = clock_timestamp() + make_interval(secs => $3)
     where id = $1 returning ${utc('previous_until')} as "previousUntil"`,
    [id, sealed, overlapSeconds],
  );
}

const REQUESTS_SHOWN = 20;

export interface DeliveryFilter {
  webhookId: string;
  status?: DeliveryStatus | undefined;
  /** The position that the page comes before. */
  before?: number | undefined;
  limit: number;
  offset: number;
}

/** Latest events first; one more than asked for. */
export function selectDeliveryPage(db: Database, filter: DeliveryFilter): Promise<DeliveryView[]> {
  const query = db
    .builder('webhook_deliveries as d')
    .select(
      db.builder.raw(
        `d.position, d.type, d.status, d.tries, ${utc('d.next_try_at')} as "nextTryAt", ${utc('d.created_at')} as "createdAt",
         (select coalesce(json_agg(json_build_object('at', ${utc('t.at')}, 'millis', t.millis, 'headers', t.headers,
            'status', t.status, 'answer', t.answer, 'error', t.error) order by t.at desc), '[]')
          from (select * from webhook_tries t where t.webhook_id = d.webhook_id and t.position = d.position
                order by t.at desc limit ${REQUESTS_SHOWN}) t) as requests`,
      ),
    )
    .where('d.webhook_id', filter.webhookId)
    .orderBy('d.position', 'desc')
    .limit(filter.limit + 1)
    .offset(filter.offset);
  if (filter.status !== undefined) void query.where('d.status', filter.status);
  if (filter.before !== undefined) void query.where('d.position', '<', filter.before);
  return db.list<DeliveryView>(query);
}
