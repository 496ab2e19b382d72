import type { Listener } from '../../platform/database/listener';
import type { Channel } from '../../platform/database/notifier';

export interface ChangeFeed {
  /** Calls `wake` when the thing with this id changed, or may have. The function returned stops that. */
  watch(id: string, wake: () => void): () => void;
  /** False while notices are missed; who waits must poll faster. */
  readonly live: boolean;
}

/** Distributes the notices of the one LISTEN connection to those who wait for an id. After a reconnection all are woken. */
export function createChangeFeed(listener: Listener, channel: Channel): ChangeFeed {
  const watchers = new Map<string, Set<() => void>>();

  listener.on(channel, (ids) => {
    for (const id of ids) for (const wake of watchers.get(id) ?? []) wake();
  });
  listener.onReconnect(() => {
    for (const wakes of watchers.values()) for (const wake of wakes) wake();
  });

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
