import type { Logger } from '../../platform/telemetry/log';
import type { ChangeFeed } from '../streams/change-feed';

export interface ExpectedOutcome<Row> {
  /** The order's row, or null when it is not there after `timeoutMs`. */
  outcome(timeoutMs: number): Promise<Row | null>;
  /** Reads the row now: it may have been there before anybody was told. */
  recheck(): void;
  /** Must be called, whatever happened. */
  release(): void;
}

export interface OrderOutcomes<Row> {
  /** Begins to wait for an order's row. Called before the order is asked for, so that the notice cannot be missed. */
  expect(orderId: string): ExpectedOutcome<Row>;
  /** Orders that are waited for. */
  readonly waiting: number;
}

export interface OrderOutcomesOptions<Row> {
  feed: ChangeFeed;
  /** Reads those of these orders that exist. */
  read: (orderIds: readonly string[]) => Promise<ReadonlyMap<string, Row>>;
  log: Logger;
}

/** Notices can be lost (a failed NOTIFY, a listener that is just connecting), so waiting also polls. */
const POLL_LIVE_MS = 250;
const POLL_BLIND_MS = 40;

/**
 * Waits for the outcomes of orders, for all requests of this process together: one statement reads every order that has
 * changed, and while it runs the next ones gather. Five hundred waiting orders cost a few statements, not five hundred.
 */
export function createOrderOutcomes<Row>(options: OrderOutcomesOptions<Row>): OrderOutcomes<Row> {
  const waiters = new Map<string, Set<(row: Row) => void>>();
  const due = new Set<string>();
  let reading = false;
  let timer: NodeJS.Timeout | undefined;

  function read(orderIds: Iterable<string>): void {
    for (const orderId of orderIds) if (waiters.has(orderId)) due.add(orderId);
    if (!reading && due.size > 0) void drain();
  }

  async function drain(): Promise<void> {
    reading = true;
    try {
      // Lets the notices of this turn of the event loop share one statement.
      await new Promise(setImmediate);
      while (due.size > 0) {
        const orderIds = [...due];
        due.clear();
        const rows = await options.read(orderIds);
        for (const [orderId, row] of rows) for (const resolve of waiters.get(orderId) ?? []) resolve(row);
      }
    } catch (error) {
      options.log.warn({ err: error }, 'order outcomes could not be read; the next poll tries again');
    } finally {
      reading = false;
    }
  }

  function poll(): void {
    timer = undefined;
    if (waiters.size === 0) return;
    read(waiters.keys());
    schedule();
  }

  function schedule(): void {
    timer ??= setTimeout(poll, options.feed.live ? POLL_LIVE_MS : POLL_BLIND_MS);
  }

  return {
    expect(orderId) {
      let found: Row | undefined;
      let wake: (() => void) | undefined;
      const resolveRow = (row: Row) => {
        found = row;
        wake?.();
      };
      const callbacks = waiters.get(orderId) ?? new Set();
      waiters.set(orderId, callbacks.add(resolveRow));
      const unwatch = options.feed.watch(orderId, () => read([orderId]));
      schedule();

      return {
        async outcome(timeoutMs) {
          if (found === undefined) {
            let timeout: NodeJS.Timeout | undefined;
            await new Promise<void>((resolve) => {
              wake = resolve;
              timeout = setTimeout(resolve, timeoutMs);
            });
            clearTimeout(timeout);
          }
          return found ?? null;
        },
        recheck: () => read([orderId]),
        release() {
          unwatch();
          callbacks.delete(resolveRow);
          if (callbacks.size === 0 && waiters.get(orderId) === callbacks) waiters.delete(orderId);
          if (waiters.size === 0) {
            clearTimeout(timer);
            timer = undefined;
          }
        },
      };
    },
    get waiting() {
      return waiters.size;
    },
  };
}
