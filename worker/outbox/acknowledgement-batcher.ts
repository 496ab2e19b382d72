import { setTimeout as delay } from 'node:timers/promises';
import { backoffMs, type Queryable } from '../../platform/database/database';
import type { Logger } from '../../platform/telemetry/log';
import { finish, postpone } from '../../platform/database/outbox';

export interface AcknowledgementBatcher {
  /** These messages are delivered. */
  acknowledge(ids: readonly number[]): void;
  /** These are to be delivered again in `seconds`. */
  postpone(ids: readonly number[], seconds: number): void;
  /** Resolves when everything is written, or has failed once more: then the messages come back when their lease ends. */
  close(): Promise<void>;
}

const RETRY_CAP_MS = 2_000;

/** Writes what became of messages: one statement in flight, and what comes meanwhile is written by the next. */
export function createAcknowledgementBatcher(on: Queryable, log: Logger): AcknowledgementBatcher {
  let delivered: number[] = [];
  /** Ids by seconds to wait. */
  let waiting = new Map<number, number[]>();
  let writing: Promise<void> | undefined;
  let closing = false;

  async function write(): Promise<void> {
    if (delivered.length > 0) {
      const ids = delivered;
      delivered = [];
      await finish(on, ids).catch((error: unknown) => {
        delivered.push(...ids);
        throw error;
      });
    }
    const waits = [...waiting];
    waiting = new Map();
    for (const [seconds, ids] of waits) await postpone(on, ids, seconds);
  }

  async function writeAll(): Promise<void> {
    for (let failures = 0; delivered.length + waiting.size > 0;) {
      try {
        await write();
        failures = 0;
      } catch (error) {
        log.debug({ err: error }, 'what became of outbox messages could not be written');
        if (closing) return;
        failures += 1;
        await delay(backoffMs(failures, 50, RETRY_CAP_MS));
      }
    }
  }

  function start(): void {
    writing ??= writeAll().finally(() => (writing = undefined));
  }

  return {
    acknowledge(ids) {
      delivered.push(...ids);
      start();
    },
    postpone(ids, seconds) {
      waiting.set(seconds, [...(waiting.get(seconds) ?? []), ...ids]);
      start();
    },
    async close() {
      closing = true;
      while (writing) await writing;
    },
  };
}
