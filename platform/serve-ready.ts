import { setTimeout as pause } from 'node:timers/promises';

/** Between two looks for what has something due, and how long nothing is to be due before the round ends. */
const LOOK_EVERY_MS = 200;
const IDLE_MS = 2_000;

export interface ReadyWork {
  /** Ids of what has something due and nobody serves, at most `limit`. */
  ready(limit: number): Promise<readonly { id: string }[]>;
  /** Serves one, while `goesOn` says so. */
  serve(id: string, goesOn: () => boolean): Promise<void>;
  /** One that failed, which is left to a later round. Must not throw. */
  failed(id: string, error: unknown): Promise<void>;
  /** How many are served at once: one that is slow keeps a place, and no other from theirs. */
  atOnce: number;
}

/** Serves what is ready, several at once, until nothing has been ready for a while, `withinMs` are over or `signal` is aborted. */
export async function serveReady(
  { ready, serve, failed, atOnce }: ReadyWork,
  { signal, withinMs }: { signal: AbortSignal; withinMs: number },
): Promise<void> {
  const until = performance.now() + withinMs;
  const underWay = new Map<string, Promise<void>>();
  const broken = new Set<string>();
  let idleSince = performance.now();
  const goesOn = () => !signal.aborted && performance.now() < until;

  function begin(id: string): void {
    const work = serve(id, goesOn)
      .catch((error: unknown) => {
        broken.add(id);
        return failed(id, error);
      })
      .finally(() => {
        underWay.delete(id);
        idleSince = performance.now();
      });
    underWay.set(id, work);
  }

  async function find(room: number): Promise<string[]> {
    const without = new Set([...underWay.keys(), ...broken]);
    const found = await ready(room + without.size);
    return found
      .map(({ id }) => id)
      .filter((id) => !without.has(id))
      .slice(0, room);
  }

  while (goesOn() && (underWay.size > 0 || performance.now() < idleSince + IDLE_MS)) {
    for (const id of await find(atOnce - underWay.size)) begin(id);
    // With all places taken, more may be ready: it is looked for as soon as there is a place.
    if (underWay.size === atOnce) await Promise.race(underWay.values());
    else await pause(LOOK_EVERY_MS);
  }
  await Promise.all(underWay.values());
}
