import { overloaded, problem } from '../http/problems';

/** How many streams of events may be open: of one caller, and of this process. */
export interface StreamSlots {
  /**
   * Takes a place, until the function that it returns is called.
   *
   * @param limit how many this caller may have
   * @throws AppError `TOO_MANY_STREAMS` for a caller that has as many as they may have, `OVERLOADED` where the process has
   */
  take(caller: string, limit: number): () => void;
  readonly open: number;
}

const RETRY_SECONDS = 10;

export function createStreamSlots({ perProcess }: { perProcess: number }): StreamSlots {
  const byCaller = new Map<string, number>();
  let open = 0;
  return {
    take(caller, limit) {
      const own = byCaller.get(caller) ?? 0;
      if (own >= limit) throw problem('TOO_MANY_STREAMS', `You may have ${limit} streams open here.`);
      if (open >= perProcess) throw overloaded('Too many streams are open.', RETRY_SECONDS);
      open += 1;
      byCaller.set(caller, own + 1);
      let isTaken = true;
      return () => {
        if (!isTaken) return;
        isTaken = false;
        open -= 1;
        const left = (byCaller.get(caller) ?? 1) - 1;
        if (left === 0) byCaller.delete(caller);
        else byCaller.set(caller, left);
      };
    },
    get open() {
      return open;
    },
  };
}
