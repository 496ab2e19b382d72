import type { Listener } from '../../platform/database/listener';
import type { Channel } from '../../platform/database/notifier';
import { createWatchers } from './watchers';

export interface ChangeFeed {
  /** Calls `wake` when the thing with this id changed, or may have. The function returned stops that. */
  watch(id: string, wake: () => void): () => void;
  /** False while notices are missed; who waits must poll faster. */
  readonly live: boolean;
}

/** Distributes the notices of the one LISTEN connection to those who wait for an id. After a reconnection all are woken. */
export function createChangeFeed(listener: Listener, channel: Channel): ChangeFeed {
  const watchers = createWatchers();
  listener.on(channel, (ids) => {
    for (const id of ids) watchers.wake(id);
  });
  listener.onReconnect(() => {
    watchers.wakeAll();
  });
  return {
    watch: (id, wake) => watchers.watch(id, wake),
    get live() {
      return listener.connected;
    },
  };
}
