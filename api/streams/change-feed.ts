import type { Listener } from '../../platform/database/listener';
import type { Channel } from '../../platform/database/notifier';

export interface ChangeFeed {
  /** Calls `wake` when the thing with this id changed, or may have. The function returned stops that. */
  watch(id: string, wake: () => void): () => void;
  /** False while notices are missed; who waits must poll faster. */
  readonly live: boolean;
}

/** After a reconnection so many are woken at once: each of them reads. */
const WOKEN_AT_ONCE = 20;
const WAKE_EVERY_MS = 10;

/**
 * Distributes the notices of the one LISTEN connection to those who wait for an id. After a reconnection all are woken, some at a time:
 * at once, thousands of them would ask for the connections of the pool that orders need.
 */
export function createChangeFeed(listener: Listener, channel: Channel): ChangeFeed {
  const watchers = new Map<string, Set<() => void>>();
  let waking: NodeJS.Timeout | undefined;

  function wakeAll(): void {
    const ids = [...watchers.keys()];
    clearInterval(waking);
    waking = setInterval(() => {
      for (const id of ids.splice(0, WOKEN_AT_ONCE)) for (const wake of watchers.get(id) ?? []) wake();
      if (ids.length === 0) clearInterval(waking);
    }, WAKE_EVERY_MS);
    waking.unref();
  }

  listener.on(channel, (ids) => {
    for (const id of ids) for (const wake of watchers.get(id) ?? []) wake();
  });
  listener.onReconnect(wakeAll);

  return {
    watch(id, wake) {
      const wakes = watchers.get(id) ?? new Set();
      watchers.set(id, wakes.add(wake));
      return () => {
        wakes.delete(wake);
        if (wakes.size === 0 && watchers.get(id) === wakes) watchers.delete(id);
      };
    },
    get live() {
      return listener.connected;
    },
  };
}
