import { setTimeout as delay } from 'node:timers/promises';
import { backoffMs } from './database/database';
import { isLockTimeout, isRetryable, translateDatabaseError } from './errors';
import { runInHalves } from './halves';
import { currentTrace, runApart } from './telemetry/context';
import type { Logger } from './telemetry/log';
import { NO_TRACER, tracedWithin, type Tracer } from './telemetry/tracer';

export interface RequestBatcher<Request, Result> {
  /**
   * Queues a request and resolves with its own result. An id that is twice in one batch is run once, and both get the result.
   * A request whose `signal` is aborted before its batch begins is not run.
   */
  submit(request: Request, signal?: AbortSignal): Promise<Result>;
  /** Requests queued or running. */
  readonly pending: number;
  /** Refuses new requests; resolves when all others have ended. */
  close(): Promise<void>;
}

export interface RequestBatcherOptions<Request, Result> {
  /** Batches in flight at once. */
  lanes: number;
  maxBatch: number;
  idOf(request: Request): string;
  /** Requests for the same thing, by this key, never run side by side, and run in the order of arrival. */
  laneKey(request: Request): string;
  /** Runs a batch in arrival order as one unit: all of it or nothing. Returns a result per id. */
  run(batch: readonly Request[]): Promise<ReadonlyMap<string, Result>>;
  /** Which requests of a batch wait for a row that somebody else has locked. Never waits itself. */
  busy(batch: readonly Request[]): Promise<ReadonlySet<string>>;
  log: Logger;
  /** Of this batcher among those of the process: in metrics and traces. */
  name: string;
  observer?: BatchObserver;
}

/** Who measures and traces what batchers do. */
export interface BatchObserver {
  /** A request has waited so many seconds until its batch began. */
  waited(batcher: string, seconds: number): void;
  /** A batch of so many requests has begun. */
  began(batcher: string, size: number): void;
  tracer: Tracer;
}

const NO_BATCH_OBSERVER: BatchObserver = {
  waited: () => undefined,
  began: () => undefined,
  tracer: NO_TRACER,
};

interface Entry<Request, Result> {
  request: Request;
  key: string;
  signal: AbortSignal | undefined;
  /** How often it was set aside for a busy row. */
  aside: number;
  /** When it was submitted, milliseconds of this process. */
  since: number;
  /** Traceparent of who has submitted it. */
  trace: string | undefined;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

const TRANSIENT_ATTEMPTS = 6;
const ASIDE_ATTEMPTS = 4;
const ASIDE_BASE_MS = 50;

/**
 * Turns concurrent requests into set-based batches: per lane one batch is in flight, and what arrives meanwhile is the next
 * one. There is no timer: an idle batcher delays nothing, and the slower the database is, the larger are the batches.
 *
 * A lane that is free takes its share of all that waits, except what is for the same thing as another lane's batch. (Lanes
 * fixed by a hash of the key leave a fifth of the requests waiting beside a lane that is not theirs.)
 *
 * One request does not fail another: after an error of the data the batch is halved until the bad request is alone; a lock
 * timeout sets aside only the requests on the busy row; after a lost connection, when it is unknown whether the batch was
 * committed, the batch runs again, and `run` returns what was decided before.
 */
export function createRequestBatcher<Request, Result>(
  options: RequestBatcherOptions<Request, Result>,
): RequestBatcher<Request, Result> {
  type LaneEntry = Entry<Request, Result>;
  const { name, observer = NO_BATCH_OBSERVER } = options;
  /** Keys of the batches in flight. */
  const taken = new Set<string>();
  let queue: LaneEntry[] = [];
  let idleLanes = options.lanes;
  const idleWaiters: (() => void)[] = [];
  let pending = 0;
  let closed = false;

  function settled(): void {
    pending -= 1;
    if (pending === 0) for (const wake of idleWaiters.splice(0)) wake();
  }

  async function drain(): Promise<void> {
    idleLanes -= 1;
    for (let batch = take(); batch.length > 0; batch = take()) {
      wakeIdleLane();
      await begin(batch);
      // Callers of this batch can submit again before the next one is taken: batches are then twice as large, and the
      // throughput on one hot SKU is a quarter higher.
      await new Promise(setImmediate);
      for (const { key } of batch) taken.delete(key);
    }
    idleLanes += 1;
  }

  /** A batch is part of the trace of its first request that is traced, with links to those of the others. */
  async function begin(batch: readonly LaneEntry[]): Promise<void> {
    const now = performance.now();
    observer.began(name, batch.length);
    for (const { since } of batch) observer.waited(name, (now - since) / 1_000);
    const [parent, ...links] = batch.flatMap(({ trace }) => trace ?? []);
    const attributes = { 'holdfast.batch_size': batch.length };
    await tracedWithin(observer.tracer, `batch ${name}`, { parent, links, attributes }, () =>
      runEntries(batch),
    );
  }

  /** Takes a lane's share of what waits, oldest first; and whatever is for the same things, which no other lane may take. */
  function take(): LaneEntry[] {
    const share = Math.ceil(pending / options.lanes);
    const own = new Set<string>();
    const batch: LaneEntry[] = [];
    const left: LaneEntry[] = [];
    for (const entry of queue) {
      if (entry.signal?.aborted) {
        entry.reject(entry.signal.reason);
      } else if (
        batch.length < options.maxBatch &&
        (own.has(entry.key) || (batch.length < share && !taken.has(entry.key)))
      ) {
        own.add(entry.key);
        batch.push(entry);
      } else {
        left.push(entry);
      }
    }
    queue = left;
    for (const key of own) taken.add(key);
    return batch;
  }

  function wakeIdleLane(): void {
    if (idleLanes > 0 && queue.some((entry) => !taken.has(entry.key))) void runApart(drain);
  }

  function enqueue(entry: LaneEntry): void {
    queue.push(entry);
    // A lane goes on for others than who woke it.
    if (idleLanes > 0 && !taken.has(entry.key)) void runApart(drain);
  }

  async function runEntries(entries: readonly LaneEntry[]): Promise<void> {
    const ready = entries.some((entry) => entry.aside > 0) ? await withoutBusy(entries) : entries;
    await runInHalves(ready, attempt, (entry, error) => {
      if (isLockTimeout(error)) setAside([entry]);
      else entry.reject(translateDatabaseError(error));
    });
  }

  /** Runs entries as one batch and settles them. Throws an error for which halves of the batch are to be tried. */
  async function attempt(ready: readonly LaneEntry[]): Promise<void> {
    const batch = [...new Map(ready.map((entry) => [options.idOf(entry.request), entry.request])).values()];
    for (let attempt = 1; ; attempt++) {
      try {
        const results = await options.run(batch);
        for (const entry of ready) {
          const result = results.get(options.idOf(entry.request));
          if (result === undefined) entry.reject(new Error('the batch returned nothing for this request'));
          else entry.resolve(result);
        }
        return;
      } catch (error) {
        if (isLockTimeout(error)) {
          const free = await withoutBusy(ready);
          // The lock is released by now, or is on a row that `busy` does not look at: halving finds the requests that wait for it.
          if (free.length === ready.length) throw error;
          await runEntries(free);
          return;
        }
        if (isRetryable(error) && attempt < TRANSIENT_ATTEMPTS) {
          options.log.debug({ err: error, attempt, size: batch.length }, 'a batch is run again');
          await delay(backoffMs(attempt));
          continue;
        }
        if (!isRetryable(error)) throw error;
        const translated = translateDatabaseError(error);
        for (const entry of ready) entry.reject(translated);
        return;
      }
    }
  }

  /** Sets aside what waits for a locked row; returns the rest. */
  async function withoutBusy(entries: readonly LaneEntry[]): Promise<readonly LaneEntry[]> {
    let busy: ReadonlySet<string>;
    try {
      busy = await options.busy(entries.map((entry) => entry.request));
    } catch (error) {
      for (const entry of entries) entry.reject(translateDatabaseError(error));
      return [];
    }
    const isBusy = (entry: LaneEntry) => busy.has(options.idOf(entry.request));
    setAside(entries.filter(isBusy));
    return entries.filter((entry) => !isBusy(entry));
  }

  /** They return to the end of the queue after a while; after `ASIDE_ATTEMPTS` they fail with a retryable error. */
  function setAside(entries: readonly LaneEntry[]): void {
    for (const entry of entries) {
      entry.aside += 1;
      if (entry.aside > ASIDE_ATTEMPTS) {
        entry.reject(Object.assign(new Error('the rows of this request stay locked'), { code: '55P03' }));
      } else {
        setTimeout(() => enqueue(entry), ASIDE_BASE_MS * 2 ** entry.aside);
      }
    }
  }

  return {
    submit(request, signal) {
      if (closed) return Promise.reject(new Error('the request batcher is closed'));
      pending += 1;
      return new Promise<Result>((resolve, reject) => {
        enqueue({
          request,
          key: options.laneKey(request),
          signal,
          aside: 0,
          since: performance.now(),
          trace: currentTrace(),
          resolve,
          reject,
        });
      }).finally(settled);
    },
    get pending() {
      return pending;
    },
    async close() {
      closed = true;
      if (pending > 0) await new Promise<void>((resolve) => idleWaiters.push(resolve));
    },
  };
}
