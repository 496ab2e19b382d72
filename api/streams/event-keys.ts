import { EVENTS_NUMBERED } from '../../domain/event-log/types';
import { typesNamed } from '../../domain/events/catalogue';
import { readBounds, readEvents } from '../../domain/events/read';
import type { StreamEvent } from '../../domain/events/types';
import { EVERYTHING } from '../../domain/events/visibility';
import { createAutoResetEvent } from '../../platform/auto-reset-event';
import { backoffMs, type Database } from '../../platform/database/database';
import { isAppError } from '../../platform/errors';
import type { Logger } from '../../platform/telemetry/log';
import { positionAhead } from './ahead';
import type { ChangeFeed } from './change-feed';
import { createWatchers } from './watchers';

/** Tells those who wait for news of something that an event has come that is about it. */
export interface EventKeys {
  /** Calls `wake` when an event has come, or may have, that has this key (`keysOf`). The function returned stops that. */
  watch(key: string, wake: () => void): () => void;
  /**
   * Up to where events were looked at: what is read after this is at least as new.
   *
   * @param after the position that who asks knows already; undefined: none
   * @throws AppError `EVENTS_AHEAD` where there is no such position yet
   */
  position(after?: number): Promise<number>;
  /** False while notices of events are missed. */
  readonly live: boolean;
}

export const ALERTS_KEY = 'alerts';
export const ATTENTION_KEY = 'attention';
const STOCK_PREFIX = 'stock:';

export function stockKey(sku: string): string {
  return `${STOCK_PREFIX}${sku}`;
}

/** Events by which something changes that is followed as a state, or that are followed themselves. What needs a person of an order is an alert. */
const TYPES = ['stock.*', 'product.*', 'warehouse.*', 'alert.*', 'job.*', 'return.*'].flatMap(typesNamed);
const PAGE = 1_000;
/** A notice may be lost. */
const POLL_MS = 1_000;
/** While none come. */
const UNHEARD_POLL_MS = 250;
const RETRY_MS = 250;
const RETRY_CAP_MS = 5_000;

/**
 * Follows the stream of events once for all who follow something in this process, for as long as there is somebody. It remembers its position: a notice that is
 * lost costs `POLL_MS` at most.
 */
export function createEventKeys({
  db,
  numberedEvents,
  log,
}: {
  db: Database;
  numberedEvents: ChangeFeed;
  log: Logger;
}): EventKeys {
  const watchers = createWatchers();
  const change = createAutoResetEvent();
  let position: number | undefined;
  let running: Promise<void> | undefined;

  function tell(event: StreamEvent): void {
    const [area] = event.type.split('.', 1);
    switch (area) {
      case 'stock':
      case 'product':
        watchers.wake(stockKey(event.subject.id));
        break;
      case 'warehouse':
        watchers.wakeAll(STOCK_PREFIX);
        break;
      case 'alert':
        watchers.wake(ALERTS_KEY);
        watchers.wake(ATTENTION_KEY);
        break;
      default:
        watchers.wake(ATTENTION_KEY);
    }
  }

  async function turn(): Promise<boolean> {
    if (position === undefined) {
      position = (await readBounds(db)).newest;
      // Whoever has read before has perhaps missed what was numbered meanwhile.
      watchers.wakeAll();
      return true;
    }
    const page = await readEvents(db, { after: position, types: TYPES, limit: PAGE, visible: EVERYTHING });
    position = page.after;
    for (const event of page.items) tell(event);
    return page.atEnd;
  }

  async function run(): Promise<void> {
    const unwatch = numberedEvents.watch(EVENTS_NUMBERED, () => {
      change.set();
    });
    let failures = 0;
    while (watchers.size > 0) {
      try {
        const atEnd = await turn();
        failures = 0;
        if (atEnd) await change.wait(numberedEvents.live ? POLL_MS : UNHEARD_POLL_MS);
      } catch (error) {
        // A position that is kept no more, or not there: the database is another one, or an older state of it.
        if (isAppError(error)) position = undefined;
        else log.warn({ err: error }, 'events could not be followed; it is tried again');
        failures += 1;
        await change.wait(backoffMs(failures, RETRY_MS, RETRY_CAP_MS));
      }
    }
    unwatch();
    position = undefined;
    running = undefined;
  }

  return {
    watch(key, wake) {
      const unwatch = watchers.watch(key, wake);
      running ??= run();
      return () => {
        unwatch();
        if (watchers.size === 0) change.set();
      };
    },
    async position(after = 0) {
      if (position !== undefined && after <= position) return position;
      // Another process may have looked further than this one.
      const { newest } = await readBounds(db);
      if (after > newest) throw positionAhead(newest);
      return newest;
    },
    get live() {
      return numberedEvents.live;
    },
  };
}
