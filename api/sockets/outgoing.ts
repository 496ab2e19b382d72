import type { WebSocket } from 'ws';

/** What goes out on one connection. */
export interface Outgoing {
  /**
   * Resolves when the system has taken the message: who waits for that before reading on costs no memory. Never rejects: of a connection that has
   * gone it resolves.
   */
  send(text: string): Promise<void>;
  /** Since when the system has taken nothing of what waits, milliseconds of `performance.now()`; null: nothing waits. */
  readonly stuckSince: number | null;
}

/**
 * @param onTooMuch more waits than the bound: the client takes less than it is told
 */
export function createOutgoing(
  socket: WebSocket,
  { maxBufferedBytes, onTooMuch }: { maxBufferedBytes: number; onTooMuch: () => void },
): Outgoing {
  let waiting = 0;
  let stuckSince: number | null = null;
  return {
    send(text) {
      if (socket.readyState !== socket.OPEN) return Promise.resolve();
      if (socket.bufferedAmount > maxBufferedBytes) {
        onTooMuch();
        return Promise.resolve();
      }
      waiting += 1;
      stuckSince ??= performance.now();
      return new Promise((resolve) => {
        socket.send(text, () => {
          waiting -= 1;
          stuckSince = waiting === 0 ? null : performance.now();
          resolve();
        });
      });
    },
    get stuckSince() {
      return stuckSince;
    },
  };
}
