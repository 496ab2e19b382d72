import { currentTrace } from '../telemetry/context';
import { execute, many, type Queryable, type Transaction } from './database';

/**
 * Every topic, with what the `key` of its messages is (as logs name it; null: they carry none, and all ask for the same).
 * The rooms that send messages add theirs by declaration merging, and the worker has one receiver for each: the compiler
 * refuses a topic without a receiver.
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- members are merged in by the rooms of the domain
export interface OutboxTopics {}

export type OutboxTopic = keyof OutboxTopics;

/** That a message was taken: with `attempts` it is told from later claims of the same message. */
export interface Claim {
  id: number;
  /** How many times it was claimed before this one. */
  attempts: number;
}

export interface OutboxMessage extends Claim {
  /** Any text: it may have been sent by another version of the program. */
  topic: string;
  key: string;
  /** W3C traceparent of the work that has left it; null: it was not traced. */
  trace: string | null;
}

/**
 * Leaves messages for the relay, in the transaction that makes them true. They are delivered at once, or after
 * `afterSeconds` seconds; at least once each, in no order.
 */
export async function enqueue(
  tx: Transaction,
  messages: readonly { topic: OutboxTopic; key: string }[],
  afterSeconds = 0,
): Promise<void> {
  if (messages.length === 0) return;
  await execute(
    tx,
    'outbox.enqueue',
    `insert into outbox (topic, key, available_at, trace)
     select topic, key, clock_timestamp() + make_interval(secs => $3), $4
     from unnest($1::text[], $2::text[]) as m (topic, key)`,
    [messages.map((m) => m.topic), messages.map((m) => m.key), afterSeconds, currentTrace() ?? null],
  );
  if (afterSeconds === 0) tx.notice('holdfast_outbox', '');
}

/** The same, but for messages that others will be delivered soon for: one that is delivered twice does not become two. */
export async function enqueueOnce(
  tx: Transaction,
  message: { topic: OutboxTopic; key: string },
  afterSeconds: number,
): Promise<void> {
  await execute(
    tx,
    'outbox.enqueue_once',
    `insert into outbox (topic, key, available_at)
     select $1, $2, clock_timestamp() + make_interval(secs => $3)
     where not exists (
       select from outbox where topic = $1 and key = $2 and available_at <= clock_timestamp() + make_interval(secs => $3))`,
    [message.topic, message.key, afterSeconds],
  );
}

/**
 * Takes up to `limit` messages for `leaseSeconds`, which `postpone` extends. A relay that dies does not finish them: they are ready
 * again when the lease runs out. Receivers only cause rows to be read again, so a second delivery is harmless.
 *
 * `statement_timestamp()`, since an index is not searched by `clock_timestamp()`: with many messages postponed, the scan
 * would read them all to find that none is ready.
 */
export function claim(on: Queryable, limit: number, leaseSeconds: number): Promise<OutboxMessage[]> {
  return many<OutboxMessage>(
    on,
    'outbox.claim',
    `update outbox set attempts = attempts + 1, available_at = clock_timestamp() + make_interval(secs => $2)
     where id = any (array(
       select id from outbox where available_at <= statement_timestamp()
       order by available_at, id limit $1 for update skip locked))
     returning id, topic, key, attempts - 1 as attempts, trace`,
    [limit, leaseSeconds],
  );
}

/** Removes delivered messages. Also those that another relay has claimed meanwhile: they are delivered. */
export async function finish(on: Queryable, ids: readonly number[]): Promise<void> {
  if (ids.length > 0)
    await execute(on, 'outbox.finish', 'delete from outbox where id = any ($1::bigint[])', [ids]);
}

/**
 * Has messages ready again in `seconds`: puts them back, or leaves them to who has claimed them for longer. Not those that another relay has
 * claimed meanwhile, since the lease ran out: their time is that relay's.
 */
export async function postpone(on: Queryable, claims: readonly Claim[], seconds: number): Promise<void> {
  if (claims.length === 0) return;
  await execute(
    on,
    'outbox.postpone',
    `update outbox o set available_at = clock_timestamp() + make_interval(secs => $3)
     from unnest($1::bigint[], $2::int[]) as c (id, attempts)
     where o.id = c.id and o.attempts = c.attempts + 1`,
    [claims.map(({ id }) => id), claims.map(({ attempts }) => attempts), seconds],
  );
}
