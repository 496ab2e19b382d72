import { shipmentsAreOverdue } from '../../domain/fulfilment/book';
import { reservationsAreOverdue } from '../../domain/stock/reservations/expire';
import { backoffMs } from '../../platform/database/database';
import { openListener } from '../../platform/database/listener';
import { createAutoResetEvent } from '../../platform/auto-reset-event';
import { claim, type OutboxMessage, type OutboxTopic } from '../../platform/database/outbox';
import { isPassing, signalDispatcher, signalReservationExpiry, wakeOrder, type Receivers } from './receivers';
import { createCoalescingTrigger } from './coalescing-trigger';
import { createAcknowledgementBatcher } from './acknowledgement-batcher';
import { ensureReturnWorkflow } from '../ensure-return-workflow';
import { ensureTransferWorkflow } from '../ensure-transfer-workflow';
import { ensureJobWorkflow } from '../ensure-job-workflow';

export interface RelayOptions extends Receivers {
  /** For the listening connection. */
  databaseUrl: string;
  /** Hands arrived stock that waits in this hold on to backorders. */
  drainAllocation(reservationId: string): Promise<void>;
  /** Least time between two rings of the dispatcher under load, milliseconds. */
  paceMs?: number;
  /** How long a claimed message is ours alone, seconds. */
  leaseSeconds?: number;
  /** How long an idle relay waits for a notice before it looks by itself, milliseconds. */
  pollMs?: number;
}

export interface Relay {
  /** Claims nothing more; resolves when all that was claimed is delivered or put back. */
  stop(): Promise<void>;
}

/** Deliveries under way at once. The engine, not the relay, is what is slow: more would only queue there. */
const DELIVERIES = 32;
const LEASE_SECONDS = 30;
const POLL_MS = 1_000;
const PACE_MS = 250;
const RETRY_BASE_SECONDS = 0.5;
const RETRY_CAP_SECONDS = 60;
/** While PostgreSQL or the engine is away nothing is wrong with the message; it need not wait long once they are back. */
const PASSING_CAP_SECONDS = 3;
const OVERDUE_CHECK_MS = 30_000;
const OVERDUE_SECONDS = 30;
/** An expiry that lives frees a hold within half a second: what is past due for longer than this has none. */
const OVERDUE_RESERVATION_MS = 1_000;

/** Messages of one claim that ask for the same. */
interface Delivery {
  topic: OutboxTopic;
  key: string;
  ids: number[];
  attempts: number;
}

/**
 * Carries the outbox to whom it concerns: rings sagas, the dispatcher and the expiry of holds, drains allocations, starts jobs,
 * starts and rings the workflows of transfers. At least once, in no order; receivers are doorbells. A message that cannot be delivered is put off and never holds up another. While
 * PostgreSQL or the engine is away it tries again with backoff. Several relays at once share the work.
 */
export function startRelay(options: RelayOptions): Relay {
  const { db, log, leaseSeconds = LEASE_SECONDS, pollMs = POLL_MS } = options;
  const nudge = createAutoResetEvent();
  const settler = createAcknowledgementBatcher(db, log);
  const dispatcherBell = createCoalescingTrigger({
    ring: () => signalDispatcher(options),
    paceMs: options.paceMs ?? PACE_MS,
  });
  const expiryBell = createCoalescingTrigger({
    ring: () => signalReservationExpiry(options),
    paceMs: PACE_MS,
  });
  const listener = openListener({ url: options.databaseUrl, channels: ['holdfast_outbox'], log });
  listener.on('holdfast_outbox', () => nudge.ring());
  listener.onReconnect(() => nudge.ring());
  const underWay = new Set<Promise<void>>();
  /** Waits for the bell are shared and cheap, so they take no place from the others. */
  const atTheBell = new Set<Promise<void>>();
  let stopping = false;
  let watching = false;

  function deliver({ topic, key }: Delivery): Promise<void> {
    switch (topic) {
      case 'order.wake':
        return wakeOrder(options, key);
      case 'shipments.ready':
        return dispatcherBell.press();
      case 'holds.due':
        return expiryBell.press();
      case 'allocation.drain':
        return options.drainAllocation(key);
      case 'job.start':
        return ensureJobWorkflow(options, key);
      case 'transfer.wake':
        return ensureTransferWorkflow(options, key);
      case 'return.wake':
        return ensureReturnWorkflow(options, key);
    }
  }

  async function carry(delivery: Delivery): Promise<void> {
    const { topic, key, ids, attempts } = delivery;
    try {
      await deliver(delivery);
      settler.done(ids);
    } catch (error) {
      const cap = isPassing(error) ? PASSING_CAP_SECONDS : RETRY_CAP_SECONDS;
      const seconds = Math.min(cap, RETRY_BASE_SECONDS * 2 ** attempts);
      log.warn({ err: error, topic, key, attempts, seconds }, 'an outbox message is put off');
      settler.later(ids, seconds);
    }
  }

  function track(work: Promise<void>, among: Set<Promise<void>>): void {
    const tracked = work.finally(() => {
      among.delete(tracked);
      // With half of the room at least: a claim for each place that gets free would be a statement a message.
      if (among === underWay && among.size === DELIVERIES / 2) nudge.ring();
    });
    among.add(tracked);
  }

  async function claimSome(): Promise<'all' | 'more'> {
    const room = DELIVERIES - underWay.size;
    if (room < DELIVERIES / 2) return 'all';
    const messages = await claim(db, room, leaseSeconds);
    for (const delivery of fold(messages)) {
      track(carry(delivery), isRing(delivery.topic) ? atTheBell : underWay);
    }
    return messages.length === room ? 'more' : 'all';
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopping) {
      try {
        if ((await claimSome()) === 'all') await nudge.wait(pollMs);
        failures = 0;
      } catch (error) {
        failures += 1;
        log.warn({ err: error, failures }, 'the outbox could not be read; it is tried again');
        await nudge.wait(backoffMs(failures, 100, 2_000));
      }
    }
  }

  /** The bell is durable, but the dispatcher's engine may have lost its state, and a claim its worker. */
  async function signalIfShipmentsAreOverdue(): Promise<void> {
    try {
      if (await shipmentsAreOverdue(db, OVERDUE_SECONDS)) await dispatcherBell.press();
    } catch (error) {
      log.debug({ err: error }, 'overdue shipments could not be looked for');
    }
  }

  /** The same for the expiry of holds, which somebody may have ended by hand. */
  async function signalIfReservationsAreOverdue(): Promise<void> {
    if (watching) return;
    watching = true;
    try {
      if (await reservationsAreOverdue(db, OVERDUE_RESERVATION_MS / 1_000)) await expiryBell.press();
    } catch (error) {
      log.debug({ err: error }, 'overdue holds could not be looked for');
    } finally {
      watching = false;
    }
  }

  const running = run();
  const overdueReservationCheck = setInterval(
    () => track(signalIfReservationsAreOverdue(), atTheBell),
    OVERDUE_RESERVATION_MS,
  );
  const overdueCheck = setInterval(() => track(signalIfShipmentsAreOverdue(), atTheBell), OVERDUE_CHECK_MS);

  return {
    async stop() {
      stopping = true;
      clearInterval(overdueCheck);
      clearInterval(overdueReservationCheck);
      nudge.ring();
      await running;
      while (underWay.size + atTheBell.size > 0) await Promise.all([...underWay, ...atTheBell]);
      await settler.close();
      await listener.close();
    },
  };
}

/** Topics that are one bell, whatever their messages are about. */
function isRing(topic: OutboxTopic): boolean {
  return topic === 'shipments.ready' || topic === 'holds.due';
}

function fold(messages: readonly OutboxMessage[]): Delivery[] {
  const deliveries = new Map<string, Delivery>();
  for (const { id, topic, key, attempts } of messages) {
    // One ring of the dispatcher is for all shipments, and one of the expiry for all holds.
    const about = isRing(topic) ? topic : `${topic} ${key}`;
    const known = deliveries.get(about);
    if (known) {
      known.ids.push(id);
      known.attempts = Math.max(known.attempts, attempts);
    } else {
      deliveries.set(about, { topic, key, ids: [id], attempts });
    }
  }
  return [...deliveries.values()];
}
