import { forgetFailures, recordFailure } from '../../domain/stock/alerts/failed-work';
import { createAutoResetEvent } from '../../platform/auto-reset-event';
import { backoffMs, type Database } from '../../platform/database/database';
import { openListener } from '../../platform/database/listener';
import { claim, type Claim, type OutboxMessage } from '../../platform/database/outbox';
import { isRetryable } from '../../platform/errors';
import { callFailure } from '../../platform/temporal/call-failure';
import type { Logger } from '../../platform/telemetry/log';
import { NO_TRACER, tracedWithin, type Tracer } from '../../platform/telemetry/tracer';
import { createAcknowledgementBatcher } from './acknowledgement-batcher';
import { createCoalescingTrigger } from './coalescing-trigger';
import { createLeases } from './leases';
import { watchOverdue } from './overdue-watch';
import type { Receiver, Receivers } from './receivers';

export interface RelayOptions {
  db: Database;
  /** For the listening connection: of the server itself. */
  databaseUrl: string;
  receivers: Receivers;
  /** Traces deliveries; nobody unless given. */
  tracer?: Tracer;
  /** How long a claimed message is left to this relay alone, seconds; extended while it is being delivered. */
  leaseSeconds?: number;
  /** How long an idle relay waits for a notice before it looks by itself, milliseconds. */
  pollMs?: number;
  log: Logger;
}

export interface Relay {
  /** Claims nothing more; resolves when all that was claimed is delivered or put back. */
  stop(): Promise<void>;
}

/** Deliveries under way at once. The engine, not the relay, is what is slow: more would only queue there. */
const DELIVERIES = 32;
const LEASE_SECONDS = 30;
const POLL_MS = 1_000;
const RETRY_BASE_SECONDS = 0.5;
const RETRY_CAP_SECONDS = 60;
/** While PostgreSQL or the engine is away nothing is wrong with the message; it need not wait long once they are back. */
const AWAY_CAP_SECONDS = 3;
/** A message that could not be delivered so often gets an alert. */
const ALERT_AFTER_ATTEMPTS = 5;

/** Claimed messages that ask for the same. */
interface Delivery {
  topic: string;
  key: string;
  claims: Claim[];
  /** The most of any of them. */
  attempts: number;
  /** Of the messages that are traced: W3C traceparents. */
  traces: readonly string[];
}

/** How messages of one topic are delivered. */
interface Route {
  /** What the key is, in logs; null: the messages are delivered together. */
  key: string | null;
  deliver(key: string): Promise<unknown>;
  stop(): Promise<void>;
}

/**
 * Delivers the messages of the outbox to the receivers of their topics. At least once, in no order: receivers only cause rows
 * to be read again. A message that cannot be delivered is postponed and never holds up another. While PostgreSQL or the
 * engine is away it tries again with backoff. Several relays at once share the work: a message is left to one of them while that
 * delivers it, and what one relay claims of a key is delivered one after the other.
 */
export function startRelay(options: RelayOptions): Relay {
  const { db, log, tracer = NO_TRACER, leaseSeconds = LEASE_SECONDS, pollMs = POLL_MS } = options;
  const routes = new Map(
    Object.entries<Receiver>(options.receivers).map(([topic, receiver]) => [
      topic,
      routeTo(topic, receiver, log),
    ]),
  );
  const mayHaveMessages = createAutoResetEvent();
  const outcomes = createAcknowledgementBatcher(db, log);
  const leases = createLeases({
    leaseSeconds,
    extend: (claims, seconds) => outcomes.extend(claims, seconds),
  });
  const listener = openListener({ url: options.databaseUrl, channels: ['holdfast_outbox'], log });
  listener.on('holdfast_outbox', () => mayHaveMessages.set());
  listener.onReconnect(() => mayHaveMessages.set());
  const underWay = new Set<Promise<void>>();
  /** Waits for a coalesced call are shared and cheap, so they take no place from the others. */
  const coalesced = new Set<Promise<void>>();
  /** What is being delivered of keyed topics, each with what was claimed of the same key meanwhile. */
  const turns = new Map<string, Delivery | null>();
  let stopping = false;

  /** After what is being delivered of the same key, if anything is; together with what else has come of it by then. */
  async function deliverInTurn(delivery: Delivery, route: Route | undefined): Promise<void> {
    const about = `${delivery.topic} ${delivery.key}`;
    const behind = turns.get(about);
    if (behind !== undefined) {
      turns.set(about, behind === null ? delivery : joined(behind, delivery));
      return;
    }
    for (let next: Delivery | null | undefined = delivery; next; next = turns.get(about)) {
      turns.set(about, null);
      await deliver(next, route);
    }
    turns.delete(about);
  }

  async function deliver(
    { topic, key, claims, attempts, traces }: Delivery,
    route: Route | undefined,
  ): Promise<void> {
    try {
      // It may be of another version of the program, whose relay takes it.
      if (!route) throw new Error(`no receiver is known for the topic ${topic}`);
      const [parent, ...links] = traces;
      await tracedWithin(tracer, `deliver ${topic}`, { kind: 'consumer', parent, links }, () =>
        route.deliver(key),
      );
      leases.release(claims);
      outcomes.acknowledge(claims);
      if (attempts >= ALERT_AFTER_ATTEMPTS)
        await report(() => forgetFailures(db, 'deliver_message', [`${topic} ${key}`]));
    } catch (error) {
      const cap = isAway(error) ? AWAY_CAP_SECONDS : RETRY_CAP_SECONDS;
      const seconds = Math.min(cap, RETRY_BASE_SECONDS * 2 ** attempts);
      const about = { topic, ...(route?.key ? { [route.key]: key } : { key }) };
      log.warn({ err: error, ...about, attempts, seconds }, 'an outbox message is postponed');
      leases.release(claims);
      outcomes.postpone(claims, seconds);
      if (attempts >= ALERT_AFTER_ATTEMPTS && !isAway(error)) {
        const failure = { work: 'deliver_message', subject: `${topic} ${key}`, error } as const;
        await report(() => recordFailure(db, failure));
      }
    }
  }

  /**
   * An alert that cannot be written changes nothing about the delivery. One that was not raised is raised after the next
   * attempt; one that was not resolved is resolved by the hourly upkeep, since its message has left the outbox.
   */
  async function report(write: () => Promise<unknown>): Promise<void> {
    try {
      await write();
    } catch (error) {
      log.debug({ err: error }, 'the alert of a failed delivery could not be written');
    }
  }

  function track(work: Promise<void>, among: Set<Promise<void>>): void {
    const tracked = work.finally(() => {
      among.delete(tracked);
      // With half of the room at least: a claim for each place that gets free would be a statement a message.
      if (among === underWay && among.size === DELIVERIES / 2) mayHaveMessages.set();
    });
    among.add(tracked);
  }

  async function claimSome(): Promise<'all' | 'more'> {
    const room = DELIVERIES - underWay.size;
    if (room < DELIVERIES / 2) return 'all';
    const messages = await claim(db, room, leaseSeconds);
    for (const delivery of merge(messages, (topic) => routes.get(topic)?.key === null)) {
      const route = routes.get(delivery.topic);
      leases.hold(delivery.claims);
      if (route?.key === null) track(deliver(delivery, route), coalesced);
      else track(deliverInTurn(delivery, route), underWay);
    }
    return messages.length === room ? 'more' : 'all';
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopping) {
      try {
        if ((await claimSome()) === 'all') await mayHaveMessages.wait(pollMs);
        failures = 0;
      } catch (error) {
        failures += 1;
        log.warn({ err: error, failures }, 'the outbox could not be read; it is tried again');
        await mayHaveMessages.wait(backoffMs(failures, 100, 2_000));
      }
    }
  }

  const running = run();

  return {
    async stop() {
      stopping = true;
      mayHaveMessages.set();
      await Promise.all([running, ...[...routes.values()].map((route) => route.stop())]);
      while (underWay.size + coalesced.size > 0) await Promise.all([...underWay, ...coalesced]);
      leases.stop();
      await outcomes.close();
      await listener.close();
    },
  };
}

function routeTo(topic: string, receiver: Receiver, log: Logger): Route {
  if (receiver.key !== null) {
    return { key: receiver.key, deliver: (key) => receiver.receive(key), stop: () => Promise.resolve() };
  }
  const { receive, longestPauseMs, overdue } = receiver;
  const { trigger } = createCoalescingTrigger({ action: receive, longestPauseMs });
  const watch = watchOverdue({ topic, trigger: overdue.receive ?? trigger, ...overdue, log });
  return { key: null, deliver: trigger, stop: () => watch.stop() };
}

/** One delivery for all messages that ask for the same: of a topic that is coalesced, or with the same key. */
function merge(messages: readonly OutboxMessage[], isCoalesced: (topic: string) => boolean): Delivery[] {
  const deliveries = new Map<string, Delivery>();
  for (const { id, topic, key, attempts, trace } of messages) {
    const about = isCoalesced(topic) ? topic : `${topic} ${key}`;
    const one = { topic, key, claims: [{ id, attempts }], attempts, traces: trace === null ? [] : [trace] };
    const known = deliveries.get(about);
    deliveries.set(about, known ? joined(known, one) : one);
  }
  return [...deliveries.values()];
}

function joined(one: Delivery, other: Delivery): Delivery {
  const claims = [...one.claims, ...other.claims];
  const traces = [...one.traces, ...other.traces];
  return { ...one, claims, attempts: Math.max(one.attempts, other.attempts), traces };
}

/** True when PostgreSQL or the engine was away or busy: nothing is wrong with what was asked. */
function isAway(error: unknown): boolean {
  if (isRetryable(error) || callFailure(error) === 'away') return true;
  return error instanceof Error && error.cause !== undefined && isAway(error.cause);
}
