import { Client } from 'pg';
import { backoffMs } from './database';
import type { Logger } from '../telemetry/log';
import type { Channel } from './notifier';

export interface Listener {
  /** Calls back with the keys of each notice. The function returned stops that. */
  on(channel: Channel, callback: (keys: readonly string[]) => void): () => void;
  /** Calls back after each (re)connection: notices were missed, so re-read. */
  onReconnect(callback: () => void): () => void;
  /** True while the connection listens. */
  readonly connected: boolean;
  close(): Promise<void>;
}

const RECONNECT_BASE_MS = 50;
const RECONNECT_CAP_MS = 2_000;

/**
 * One LISTEN connection for the whole process, made again with backoff whenever it is lost.
 *
 * @param options.url of the server itself: through a pooler in transaction mode no notice arrives
 */
export function openListener(options: { url: string; channels: readonly Channel[]; log: Logger }): Listener {
  const callbacks = new Map<Channel, Set<(keys: readonly string[]) => void>>();
  const reconnected = new Set<() => void>();
  let client: Client | undefined;
  let connected = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  /** Since the connection last listened. */
  let failures = 0;

  function lost(failed: Client, error: unknown): void {
    if (client !== failed) return;
    client = undefined;
    connected = false;
    failed.removeAllListeners();
    failed.on('error', () => undefined);
    void failed.end().catch(() => undefined);
    if (closed) return;
    options.log.debug({ err: error }, 'the listening connection was lost');
    timer = setTimeout(connect, backoffMs(failures, RECONNECT_BASE_MS, RECONNECT_CAP_MS));
    failures += 1;
  }

  function connect(): void {
    const made = new Client({
      connectionString: options.url,
      application_name: 'holdfast-listener',
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    });
    client = made;
    made.on('error', (error) => lost(made, error));
    made.on('end', () => lost(made, undefined));
    made.on('notification', ({ channel, payload }) => {
      const keys = payload ? payload.split(',') : [];
      for (const callback of callbacks.get(channel as Channel) ?? []) callback(keys);
    });
    made
      .connect()
      .then(() => made.query(options.channels.map((channel) => `listen ${channel}`).join('; ')))
      .then(() => {
        if (client !== made) return;
        connected = true;
        failures = 0;
        for (const callback of reconnected) callback();
      })
      .catch((error: unknown) => lost(made, error));
  }

  connect();

  return {
    on(channel, callback) {
      const registered = callbacks.get(channel) ?? new Set();
      callbacks.set(channel, registered.add(callback));
      return () => registered.delete(callback);
    },
    onReconnect(callback) {
      reconnected.add(callback);
      return () => reconnected.delete(callback);
    },
    get connected() {
      return connected;
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      const open = client;
      client = undefined;
      connected = false;
      open?.removeAllListeners();
      open?.on('error', () => undefined);
      await open?.end().catch(() => undefined);
    },
  };
}
