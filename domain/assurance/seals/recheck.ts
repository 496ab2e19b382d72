import type { Database } from '../../../platform/database/database';
import { selectSeals, type SealRange } from './queries';
import { markRechecked, selectRecheck } from './recheck-queries';

/** All seals are read again within this, a month at most. */
const ROUND_SECONDS = 28 * 86_400;
/** Rows that one check reads again at most, unless its first seal has more: some 15 s. */
const MAX_ROWS = 5_000_000;
/** Broken seals that are remembered. */
const MAX_BROKEN = 1_000;

/** Of seals that are not as they were made, those that the next check reads again in any case. */
export function brokenToRemember(seals: Iterable<number>): number[] {
  return [...seals].sort((a, b) => a - b).slice(0, MAX_BROKEN);
}

/** The share of all seals that is due. */
export interface RecheckShare {
  /** Those that were not as they were made when they were read last. */
  broken: readonly number[];
  /** Reads them one by one: those that were found broken, then those that are due. */
  seals(): AsyncGenerator<SealRange>;
  /** The part of the chain that it has come through, of those that are due. */
  range(): { after: number; upTo: number };
  /** Records how far it came. `broken`: of the seals that were read, those that are not as they were made. */
  end(broken: ReadonlySet<number>): Promise<void>;
}

/**
 * The seals that a check has to read again now, of those up to `lastSeq`, which were verified before: so many that all are read again
 * within a month, whatever the interval between two checks is. A check after a long pause reads at most `maxRows`, and the
 * next ones the rest.
 */
export async function shareToRecheck(
  db: Database,
  lastSeq: number,
  { maxRows = MAX_ROWS, roundSeconds = ROUND_SECONDS }: { maxRows?: number; roundSeconds?: number } = {},
): Promise<RecheckShare> {
  const { seq, dueSeq, isOver, broken } = await selectRecheck(db, { lastSeq, roundSeconds });
  const read = new Set<number>();
  let reached = seq;
  return {
    broken,
    range: () => ({ after: seq, upTo: reached }),
    async *seals() {
      for (const one of broken) {
        const [seal] = await selectSeals(db, one - 1, 1);
        // One that is gone is missing from the chain, which is read in any case.
        if (seal?.seq !== one) continue;
        read.add(one);
        yield seal;
      }
      for (let rows = 0; reached < dueSeq;) {
        const [seal] = await selectSeals(db, reached, 1);
        if (!seal || seal.seq > dueSeq || (rows > 0 && rows + seal.rowCount > maxRows)) return;
        rows += seal.rowCount;
        if (!read.has(seal.seq)) yield seal;
        read.add(seal.seq);
        reached = seal.seq;
      }
    },
    async end(found) {
      const still = new Set([...broken.filter((one) => !read.has(one)), ...found]);
      const beginsRound = isOver && reached >= lastSeq;
      await markRechecked(db, {
        from: seq,
        to: beginsRound ? 0 : reached,
        broken: brokenToRemember(still),
        beginsRound,
      });
    },
  };
}

/** Records that all seals were just read again, and which of them are broken. */
export async function markAllRechecked(db: Database, broken: ReadonlySet<number>): Promise<void> {
  const { seq } = await selectRecheck(db, { lastSeq: 0, roundSeconds: ROUND_SECONDS });
  await markRechecked(db, {
    from: seq,
    to: 0,
    broken: brokenToRemember(broken),
    beginsRound: true,
  });
}
