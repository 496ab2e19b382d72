import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { SeriesForecast, SeriesToForecast } from './forecast';
import type { ThreadRequest } from './thread';

export interface ForecastThreads {
  /**
   * Forecasts, in the order of the series. A thread that dies fails what it was asked; the next request starts another.
   *
   * @throws Error of the thread; `the threads are closed`
   */
  forecast(series: readonly SeriesToForecast[]): Promise<SeriesForecast[]>;
  /** Ends the threads; what they were asked fails. */
  close(): Promise<void>;
}

interface Waiting {
  resolve: (forecasts: SeriesForecast[]) => void;
  reject: (error: Error) => void;
}

interface Thread {
  worker: Worker;
  waiting: Map<number, Waiting>;
}

/** So many series are sent at a time: none waits long for a thread, and messages are few. */
const PER_MESSAGE = 25;

/**
 * Threads that forecast, so that the process goes on with other work meanwhile. They start when they are needed.
 *
 * @param options.threads at most
 * @param options.script the thread's file
 */
export function openForecastThreads({
  threads: size,
  script = join(__dirname, 'thread.js'),
}: {
  threads: number;
  script?: string;
}): ForecastThreads {
  let nextId = 0;
  let closed = false;
  const threads = new Set<Thread>();

  function newThread(): Thread {
    const thread: Thread = { worker: new Worker(script), waiting: new Map() };
    threads.add(thread);
    thread.worker.on('message', ({ id, forecasts }: { id: number; forecasts: SeriesForecast[] }) => {
      thread.waiting.get(id)?.resolve(forecasts);
      thread.waiting.delete(id);
    });
    thread.worker.on('error', (error) => gone(thread, error));
    thread.worker.on('exit', (code) => gone(thread, new Error(`a thread of forecasts ended with ${code}`)));
    return thread;
  }

  function gone(thread: Thread, error: Error): void {
    threads.delete(thread);
    for (const { reject } of thread.waiting.values()) reject(error);
    thread.waiting.clear();
  }

  /** A new thread while there are fewer than may be, else the one with the least to do. */
  function idlest(): Thread {
    if (threads.size < size) return newThread();
    return [...threads].reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a));
  }

  function ask(series: readonly SeriesToForecast[]): Promise<SeriesForecast[]> {
    if (closed) return Promise.reject(new Error('the threads are closed'));
    return new Promise((resolve, reject) => {
      const thread = idlest();
      const request: ThreadRequest = { id: nextId++, series };
      thread.waiting.set(request.id, { resolve, reject });
      thread.worker.postMessage(request);
    });
  }

  return {
    async forecast(series) {
      const parts: Promise<SeriesForecast[]>[] = [];
      for (let from = 0; from < series.length; from += PER_MESSAGE)
        parts.push(ask(series.slice(from, from + PER_MESSAGE)));
      return (await Promise.all(parts)).flat();
    },
    async close() {
      closed = true;
      await Promise.all([...threads].map(({ worker }) => worker.terminate()));
    },
  };
}
