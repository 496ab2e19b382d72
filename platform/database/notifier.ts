import type { Pool } from 'pg';
import type { Logger } from '../telemetry/log';

/** Every channel, with what the keys of its notices are; null: they have none. Rooms of the domain merge theirs in. */
export interface Channels {
  /** There is something for the relay. */
  holdfast_outbox: null;
}

export type Channel = keyof Channels;

export interface Notice {
  channel: Channel;
  /** An id without commas; empty when the channel alone says it. */
  key: string;
}

export interface Notifier {
  /** Queues notices; never fails and never waits. */
  send(notices: readonly Notice[]): void;
  /** Resolves when nothing is queued or on its way. */
  idle(): Promise<void>;
}

/** A payload is refused at 8,000 bytes; 200 UUIDs with commas are 7,399. */
const KEYS_PER_PAYLOAD = 200;

/**
 * Sends NOTIFY outside of the transactions that it reports: NOTIFY takes a global lock until commit, which would serialise the
 * hot path. One statement is in flight at a time and whatever is queued meanwhile is sent with the next one, each key once.
 * A lost notice costs only latency, since every listener also polls; so a failure is logged and dropped.
 */
export function createNotifier(pool: Pool, log: Logger): Notifier {
  const queued = new Map<Channel, Set<string>>();
  let running: Promise<void> | undefined;

  async function drain(): Promise<void> {
    // Lets the transactions that end in this turn of the event loop share one statement.
    await new Promise(setImmediate);
    while (queued.size > 0) {
      const payloads = takePayloads(queued);
      try {
        await pool.query({
          name: 'platform.notify',
          text: 'select pg_notify(channel, payload) from unnest($1::text[], $2::text[]) as t (channel, payload)',
          values: [payloads.map((p) => p.channel), payloads.map((p) => p.payload)],
        });
      } catch (error) {
        log.warn({ err: error }, 'a notice could not be sent; listeners will poll');
      }
    }
    // In the same step as the look at the queue: a notice that comes now starts the next round itself.
    running = undefined;
  }

  return {
    send(notices) {
      for (const { channel, key } of notices) {
        const keys = queued.get(channel) ?? new Set<string>();
        queued.set(channel, keys.add(key));
      }
      if (queued.size > 0) running ??= drain();
    },
    async idle() {
      while (running) await running;
    },
  };
}

function takePayloads(queued: Map<Channel, Set<string>>): { channel: Channel; payload: string }[] {
  const payloads: { channel: Channel; payload: string }[] = [];
  for (const [channel, keys] of queued) {
    const all = [...keys];
    for (let start = 0; start < all.length; start += KEYS_PER_PAYLOAD) {
      payloads.push({ channel, payload: all.slice(start, start + KEYS_PER_PAYLOAD).join(',') });
    }
  }
  queued.clear();
  return payloads;
}
