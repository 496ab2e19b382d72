import { setTimeout as delay } from 'node:timers/promises';
import { backoffMs, type Queryable } from '../../platform/database/database';
import type { Logger } from '../../platform/telemetry/log';
import { finish, postpone, type Claim } from '../../platform/database/outbox';

export interface AcknowledgementBatcher {
  /** These messages are delivered. */
  acknowledge(claims: readonly Claim[]): void;
  /** These are to be delivered again in `seconds`. */
  postpone(claims: readonly Claim[], seconds: number): void;
  /** These are still being delivered, and are left to this relay for `seconds` more. Written before what becomes of them later. */
  extend(claims: readonly Claim[], seconds: number): void;
  /** Resolves when everything is written, or has failed once more: then the messages come back when their lease ends. */
  close(): Promise<void>;
}

const RETRY_CAP_MS = 2_000;

/** Writes what became of messages: one statement in flight, and what comes meanwhile is written by the next. */
export function createAcknowledgementBatcher(on: Queryable, log: Logger): AcknowledgementBatcher {
  let delivered: number[] = [];
  /** By seconds to wait. */
  let waiting = new Map<number, Claim[]>();
  let extended = new Map<number, Claim[]>();
  let writing: Promise<void> | undefined;
  let closing = false;

  async function write(): Promise<void> {
    const extensions = [...extended];
    extended = new Map();
    for (const [seconds, claims] of extensions) await postpone(on, claims, seconds);
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
    for (const [seconds, claims] of waits) await postpone(on, claims, seconds);
  }

  async function writeAll(): Promise<void> {
    for (let failures = 0; delivered.length + waiting.size + extended.size > 0;) {
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

  function add(to: Map<number, Claim[]>, claims: readonly Claim[], seconds: number): void {
    to.set(seconds, [...(to.get(seconds) ?? []), ...claims]);
    start();
  }

  return {
    acknowledge(claims) {
      delivered.push(...claims.map(({ id }) => id));
      start();
    },
    postpone: (claims, seconds) => add(waiting, claims, seconds),
    extend: (claims, seconds) => add(extended, claims, seconds),
    async close() {
      closing = true;
      while (writing) await writing;
    },
  };
}
