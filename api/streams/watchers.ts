/** Who waits for news of what, by a key. */
export interface Watchers {
  /** Calls `wake` when there is news of this key, until the function that it returned is called. */
  watch(key: string, wake: () => void): () => void;
  wake(key: string): void;
  /** Wakes those of the keys that begin so, some at a time: each of them reads, and at once they would take the connections that orders need. */
  wakeAll(prefix?: string): void;
  /** Keys that somebody watches. */
  readonly size: number;
}

const WOKEN_AT_ONCE = 20;
const WAKE_EVERY_MS = 10;

export function createWatchers(): Watchers {
  const watchers = new Map<string, Set<() => void>>();
  const toWake = new Set<string>();
  let waking: NodeJS.Timeout | undefined;

  function wake(key: string): void {
    for (const each of watchers.get(key) ?? []) each();
  }

  function wakeSome(): void {
    let left = WOKEN_AT_ONCE;
    for (const key of toWake) {
      if (left-- === 0) return;
      toWake.delete(key);
      wake(key);
    }
    clearInterval(waking);
    waking = undefined;
  }

  return {
    watch(key, wake) {
      const wakes = watchers.get(key) ?? new Set();
      watchers.set(key, wakes.add(wake));
      return () => {
        wakes.delete(wake);
        if (wakes.size === 0 && watchers.get(key) === wakes) watchers.delete(key);
      };
    },
    wake,
    wakeAll(prefix = '') {
      for (const key of watchers.keys()) if (key.startsWith(prefix)) toWake.add(key);
      waking ??= setInterval(wakeSome, WAKE_EVERY_MS).unref();
    },
    get size() {
      return watchers.size;
    },
  };
}
