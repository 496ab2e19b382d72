import { execute, many, type Queryable, type Transaction } from './database';

/**
 * `order.wake`: ring the saga of order `key`; `shipments.ready`: ring the dispatcher; `allocation.drain`: hand reservation `key`
 * on; `holds.due`: ring the expiry of holds; `job.start`: start the workflow of job `key`; `transfer.wake`: start or ring the
 * workflow of transfer `key`; `return.wake`: the same for a customer's return.
 */
export type OutboxTopic =
  | 'order.wake'
  | 'shipments.ready'
  | 'allocation.drain'
  | 'holds.due'
  | 'job.start'
  | 'transfer.wake'
  | 'return.wake';

export interface OutboxMessage {
  id: number;
  topic: OutboxTopic;
  key: string;
  /** How many times it was claimed before this one. */
  attempts: number;
}

/** Leaves messages for the relay in the transaction that makes them true; it takes them at once, or after so many seconds. */
export async function enqueue(
  tx: Transaction,
  messages: readonly { topic: OutboxTopic; key: string }[],
  afterSeconds = 0,
): Promise<void> {
  if (messages.length === 0) return;
  await execute(
    tx,
    'outbox.enqueue',
    `insert into outbox (topic, key, available_at)
     select topic, key, clock_timestamp() + make_interval(secs => $3) from unnest($1::text[], $2::text[]) as m (topic, key)`,
    [messages.map((m) => m.topic), messages.map((m) => m.key), afterSeconds],
  );
  if (afterSeconds === 0) tx.notice('holdfast_outbox', '');
}

/**
 * Takes up to `limit` messages for `leaseSeconds`. A relay that dies simply never finishes them: they are ready again
 * when the lease runs out. Receivers are doorbells, so a second delivery is harmless.
 *
 * `statement_timestamp()`, since an index is not searched by `clock_timestamp()`: with many messages postponed, the scan
 * would read them all to find that none is ready.
 */
export function claim(on: Queryable, limit: number, leaseSeconds: number): Promise<OutboxMessage[]> {
  return many<OutboxMessage & { topic: OutboxTopic }>(
    on,
    'outbox.claim',
    `update outbox set attempts = attempts + 1, available_at = clock_timestamp() + make_interval(secs => $2)
     where id = any (array(
       select id from outbox where available_at <= statement_timestamp()
       order by available_at, id limit $1 for update skip locked))
     returning id, topic, key, attempts - 1 as attempts`,
    [limit, leaseSeconds],
  );
}

/** Forgets delivered messages. */
export async function finish(on: Queryable, ids: readonly number[]): Promise<void> {
  if (ids.length > 0)
    await execute(on, 'outbox.finish', 'delete from outbox where id = any ($1::bigint[])', [ids]);
}

/** Puts messages back, to be ready again in `seconds`. */
export async function postpone(on: Queryable, ids: readonly number[], seconds: number): Promise<void> {
  if (ids.length === 0) return;
  await execute(
    on,
    'outbox.postpone',
    `update outbox set available_at = clock_timestamp() + make_interval(secs => $2) where id = any ($1::bigint[])`,
    [ids, seconds],
  );
}
