import type { Listener } from '../platform/listener';

export interface OrderFeed {
  /** Calls `wake` when the order changed, or may have. The function returned stops that. */
  watch(orderId: string, wake: () => void): () => void;
  /** False while notices are missed; who waits must poll faster. */
  readonly live: boolean;
}

/** Spreads the one LISTEN connection's notices to whoever waits for an order. After a reconnection everybody is woken. */
export function createOrderFeed(listener: Listener): OrderFeed {
  const watchers = new Map<string, Set<() => void>>();

  listener.on('holdfast_orders', (orderIds) => {
    for (const orderId of orderIds) for (const wake of watchers.get(orderId) ?? []) wake();
  });
  listener.onReconnect(() => {
    for (const wakes of watchers.values()) for (const wake of wakes) wake();
  });

  return {
    watch(orderId, wake) {
      const wakes = watchers.get(orderId) ?? new Set();
      watchers.set(orderId, wakes.add(wake));
      return () => {
        wakes.delete(wake);
        if (wakes.size === 0 && watchers.get(orderId) === wakes) watchers.delete(orderId);
      };
    },
    get live() {
      return listener.connected;
    },
  };
}
