import { setTimeout as delay } from 'node:timers/promises';
import { backoffMs, type Queryable } from '../../platform/database/database';
import type { Logger } from '../../platform/telemetry/log';
import { finish, postpone } from '../../platform/database/outbox';

export interface AcknowledgementBatcher {
  /** These messages are delivered. */
  done(ids: readonly number[]): void;
  /** These are to be tried again in `seconds`. */
  later(ids: readonly number[], seconds: number): void;
  /** Resolves when everything is written, or has failed once more: then the messages come back when their lease ends. */
  close(): Promise<void>;
}

const RETRY_CAP_MS = 2_000;

/** Writes down what became of messages: one statement in flight, and what gathers meanwhile goes with the next. */
export function createAcknowledgementBatcher(on: Queryable, log: Logger): AcknowledgementBatcher {
  let delivered: number[] = [];
  /** Ids by seconds to wait. */
  let postponed = new Map<number, number[]>();
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
    const waits = [...postponed];
    postponed = new Map();
    for (const [seconds, ids] of waits) await postpone(on, ids, seconds);
  }

  async function writeAll(): Promise<void> {
    for (let failures = 0; delivered.length + postponed.size > 0;) {
      try {
        await write();
        failures = 0;
      } catch (error) {
        log.debug({ err: error }, 'what became of outbox messages could not be written down');
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
    done(ids) {
      delivered.push(...ids);
      start();
    },
    later(ids, seconds) {
      postponed.set(seconds, [...(postponed.get(seconds) ?? []), ...ids]);
      start();
    },
    async close() {
      closing = true;
      while (writing) await writing;
    },
  };
}
