import { overloaded, problem } from '../http/problems';

/** How many streams of events may be open: of one caller, and of this process. */
export interface StreamSlots {
  /**
   * Takes a place, until the function that it returns is called.
   *
   * @param caller.limit how many they may have
   * @param caller.isPublic anybody can be one of them: together they have `PUBLIC_SHARE` of the places, so that who works here has one
   * @throws AppError `TOO_MANY_STREAMS` for a caller that has as many as they may have, `OVERLOADED` where the process has
   */
  take(caller: { id: string; limit: number; isPublic: boolean }): () => void;
  readonly open: number;
}

/** Who shares a limit of places: everybody, or only the public. */
export const SLOT_SHARES = ['all', 'public'] as const;
/** Which limit a stream was refused by. */
export const SLOT_LIMITS = ['caller', 'process'] as const;

export interface SlotMetrics {
  /** @param share of the places that this process has for them, 0 to 1 */
  used(by: (typeof SLOT_SHARES)[number], share: number): void;
  refused(limit: (typeof SLOT_LIMITS)[number]): void;
}

const RETRY_SECONDS = 10;
const PUBLIC_SHARE = 0.8;

export function createStreamSlots({
  perProcess,
  metrics,
}: {
  perProcess: number;
  metrics: SlotMetrics;
}): StreamSlots {
  const byCaller = new Map<string, number>();
  const forPublic = Math.ceil(perProcess * PUBLIC_SHARE);
  let open = 0;
  let openPublic = 0;
  const measure = () => {
    metrics.used('all', open / perProcess);
    metrics.used('public', openPublic / forPublic);
  };
  return {
    take({ id, limit, isPublic }) {
      const own = byCaller.get(id) ?? 0;
      if (own >= limit) {
        metrics.refused('caller');
        throw problem('TOO_MANY_STREAMS', `You may have ${limit} streams open here.`);
      }
      if (open >= perProcess || (isPublic && openPublic >= forPublic)) {
        metrics.refused('process');
        throw overloaded('Too many streams are open.', RETRY_SECONDS);
      }
      open += 1;
      if (isPublic) openPublic += 1;
      byCaller.set(id, own + 1);
      measure();
      let isTaken = true;
      return () => {
        if (!isTaken) return;
        isTaken = false;
        open -= 1;
        if (isPublic) openPublic -= 1;
        const left = (byCaller.get(id) ?? 1) - 1;
        if (left === 0) byCaller.delete(id);
        else byCaller.set(id, left);
        measure();
      };
    },
    get open() {
      return open;
    },
  };
}
