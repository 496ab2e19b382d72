export interface SharedReadsOptions<Value> {
  /** Reads the values of these keys; those that have none are left out. */
  read(keys: readonly string[]): Promise<ReadonlyMap<string, Value>>;
  /** Reads that run at once. What is asked meanwhile goes together with the next one. */
  lanes: number;
  /** Keys of one read at most. */
  maxBatch: number;
}

interface Waiting<Value> {
  resolve(value: Value | null): void;
  reject(error: unknown): void;
}

/**
 * Reads of many callers that share statements: a statement for each costs as much again as its rows. Nobody waits for others, nothing
 * is kept: while a lane is free a read goes out in the same turn of the event loop, and every value is read after it was asked for.
 *
 * @returns reads the value of a key; null where it has none
 */
export function createSharedReads<Value>(
  options: SharedReadsOptions<Value>,
): (key: string) => Promise<Value | null> {
  const { read, lanes, maxBatch } = options;
  const waiting = new Map<string, Waiting<Value>[]>();
  let running = 0;
  let scheduled = false;

  function schedule(): void {
    if (scheduled || running >= lanes || waiting.size === 0) return;
    scheduled = true;
    // Whatever else arrives in this turn goes along.
    setImmediate(() => {
      scheduled = false;
      void run();
    });
  }

  async function run(): Promise<void> {
    const batch = take();
    running += 1;
    schedule();
    try {
      const values = await read([...batch.keys()]);
      for (const [key, askers] of batch) {
        for (const { resolve } of askers) resolve(values.get(key) ?? null);
      }
    } catch (error) {
      for (const askers of batch.values()) for (const { reject } of askers) reject(error);
    } finally {
      running -= 1;
      schedule();
    }
  }

  function take(): Map<string, Waiting<Value>[]> {
    const batch = new Map<string, Waiting<Value>[]>();
    for (const [key, askers] of waiting) {
      if (batch.size === maxBatch) break;
      batch.set(key, askers);
      waiting.delete(key);
    }
    return batch;
  }

  return (key) =>
    new Promise((resolve, reject) => {
      const askers = waiting.get(key);
      if (askers) askers.push({ resolve, reject });
      else waiting.set(key, [{ resolve, reject }]);
      schedule();
    });
}
