import { createChangeFeed } from '../../api/streams/change-feed';
import type { Listener } from '../../platform/database/listener';
import { waitFor } from '../support/wait';

function fakeListener() {
  const reconnected = new Set<() => void>();
  const notified = new Set<(keys: readonly string[]) => void>();
  const listener: Listener = {
    on: (_channel, callback) => {
      notified.add(callback);
      return () => notified.delete(callback);
    },
    onReconnect: (callback) => {
      reconnected.add(callback);
      return () => reconnected.delete(callback);
    },
    connected: true,
    close: () => Promise.resolve(),
  };
  return {
    listener,
    reconnect: () => reconnected.forEach((callback) => callback()),
    notify: (keys: string[]) => notified.forEach((callback) => callback(keys)),
  };
}

describe('a feed of changes', () => {
  it('wakes all who wait after a reconnection, but some at a time', async () => {
    const { listener, reconnect } = fakeListener();
    const feed = createChangeFeed(listener, 'holdfast_orders');
    const woken = new Map<string, number>();
    const turns: number[] = [];
    for (let n = 0; n < 1_000; n++)
      feed.watch(`o-${n}`, () => {
        woken.set(`o-${n}`, (woken.get(`o-${n}`) ?? 0) + 1);
        turns.push(performance.now());
      });
    reconnect();
    expect(woken.size).toBe(0);
    await waitFor(() => woken.size === 1_000);
    expect([...new Set(woken.values())]).toEqual([1]);
    // In no turn of the event loop more than a few: 20 every 10 ms take half a second.
    expect(turns.at(-1)! - turns[0]!).toBeGreaterThan(300);
  });

  it('wakes who is told of at once, leaves out who has gone, and begins anew with another reconnection', async () => {
    const { listener, reconnect, notify } = fakeListener();
    const feed = createChangeFeed(listener, 'holdfast_orders');
    const woken: string[] = [];
    const stops = Array.from({ length: 100 }, (_, n) => feed.watch(`o-${n}`, () => woken.push(`o-${n}`)));
    notify(['o-7']);
    expect(woken).toEqual(['o-7']);
    reconnect();
    stops[99]?.();
    reconnect();
    await waitFor(() => woken.length === 100);
    expect(woken).not.toContain('o-99');
  });
});
