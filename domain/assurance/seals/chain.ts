import type { Database, Queryable } from '../../../platform/database/database';
import { prepareLongReading } from '../../stock/ledger/long-reading';
import type { Finding } from '../types';
import type { BrokenLink, ChainRange } from './queries';

/** A chain of seals: that of the ledger, or that of the audit log. */
export interface SealChain {
  /** What its seals are called in findings. */
  name: 'seal' | 'audit-seal' | 'money-seal';
  selectBroken(on: Queryable, range: ChainRange): Promise<BrokenLink[]>;
  /** The number of the seal after one; undefined: there is none. */
  selectNext(on: Queryable, after: number): Promise<number | undefined>;
}

export interface ChainReader {
  /** Seals after the first that are not as they were made, or do not follow from the one before; up to the second, null: to the end. */
  read(after: number, upTo: number | null): Promise<BrokenLink[]>;
  /** The same of one seal that was not as it was made, or is missing, and of the one after it. */
  readAgain(seq: number): Promise<BrokenLink[]>;
}

/** @param verified of the latest seal that was ever verified */
export function readerOfChain(
  db: Database,
  chain: SealChain,
  verified: Pick<ChainRange, 'lastSeq' | 'lastHash' | 'limit'>,
): ChainReader {
  const read = (after: number, upTo: number | null) =>
    db.transaction(async (tx) => {
      await prepareLongReading(tx);
      return chain.selectBroken(tx, { ...verified, after, upTo });
    });
  return {
    read,
    readAgain: async (seq) => read(seq - 1, (await chain.selectNext(db, seq)) ?? null),
  };
}

export function asFinding({ name }: SealChain, { seq, why, missing }: BrokenLink): Finding {
  return {
    subject: `${name}:${seq}`,
    details: { seal: seq, what: why, ...(missing > 0 ? { missing } : {}) },
  };
}
