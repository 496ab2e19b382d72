import type { Database, Queryable } from '../../../platform/database/database';
import { prepareLongReading } from '../../stock/ledger/long-reading';
import type { CheckMode, Finding } from '../types';
import type { BrokenLink, ChainRange, SealBound } from './queries';

/** A chain of seals: that of the ledger of stock, of the audit log, or of the money ledger. */
export interface SealChain<Seal extends { seq: number }> {
  /** What its seals are called in findings. */
  name: 'seal' | 'audit-seal' | 'money-seal';
  selectBound(on: Queryable): Promise<Pick<SealBound, 'seq'>>;
  /** Seals after one, in their order. */
  selectSeals(on: Queryable, after: number, limit: number): Promise<Seal[]>;
  selectBroken(on: Queryable, range: ChainRange): Promise<BrokenLink[]>;
  /** Reads the rows of a seal again. Returns what is not as it was sealed, at most so much. */
  verify(db: Database, seal: Seal, limit: number): Promise<Finding[]>;
}

export interface VerifyChainOptions {
  /** Findings at most. */
  limit: number;
  signal?: AbortSignal | undefined;
}

/** A verification of a chain and of the rows that it covers, and what it has found so far. */
export interface ChainVerification<Seal extends { seq: number }> {
  /** Each once: what is wrong with one thing may be seen from several seals, and a seal is read with several parts of the chain. */
  readonly findings: Finding[];
  /** Seals that are not as they were made, or whose rows are not. */
  readonly wrong: Set<number>;
  tell(found: readonly Finding[]): void;
  /** False: it is to end, or has found as much as it may. */
  mayGoOn(): boolean;
  /** Reads the rows of a seal again. False: they are not as they were sealed. */
  readRows(seal: Seal): Promise<boolean>;
  /** Reads seals after the first again, up to the second; null: to the end. False: one is not as it was made, or does not follow. */
  readLinks(after: number, upTo: number | null): Promise<boolean>;
  /** The same of one seal that was not as it was made, or is missing, and of the one after it. */
  readLinksAgain(seq: number): Promise<boolean>;
  /**
   * Reads the chain, and the rows of its seals: all, or those after the latest that was verified.
   *
   * @returns up to which seal all are intact, null: not all that were verified before; undefined: it had to end before it had read all
   */
  readAfterVerified(mode: CheckMode): Promise<number | null | undefined>;
}

const BATCH = 100;

/** @param verified the latest seal that was ever verified */
export function verifyingChain<Seal extends { seq: number }>(
  db: Database,
  chain: SealChain<Seal>,
  verified: Pick<ChainRange, 'lastSeq' | 'lastHash'>,
  { limit, signal }: VerifyChainOptions,
): ChainVerification<Seal> {
  const findings: Finding[] = [];
  const told = new Set<string>();
  const wrong = new Set<number>();

  function tell(found: readonly Finding[]): void {
    for (const finding of found) {
      const what = `${finding.subject} ${String(finding.details['what'])}`;
      if (!told.has(what)) findings.push(finding);
      told.add(what);
    }
  }

  const mayGoOn = () => !signal?.aborted && findings.length < limit;

  async function readRows(seal: Seal): Promise<boolean> {
    const found = await chain.verify(db, seal, limit - findings.length);
    tell(found);
    if (found.length > 0) wrong.add(seal.seq);
    return found.length === 0;
  }

  async function readLinks(after: number, upTo: number | null): Promise<boolean> {
    const links = await db.transaction(async (tx) => {
      await prepareLongReading(tx);
      return chain.selectBroken(tx, { ...verified, limit, after, upTo });
    });
    tell(links.map((link) => asFinding(chain.name, link)));
    for (const { seq } of links) wrong.add(seq);
    return links.length === 0;
  }

  return {
    findings,
    wrong,
    tell,
    mayGoOn,
    readRows,
    readLinks,
    async readLinksAgain(seq) {
      const [next] = await chain.selectSeals(db, seq, 1);
      return readLinks(seq - 1, next?.seq ?? null);
    },
    async readAfterVerified(mode) {
      let after = mode === 'full' ? 0 : verified.lastSeq;
      // Seals that are made meanwhile are for the next check, which reads the chain up to them.
      const upTo = Math.max((await chain.selectBound(db)).seq, verified.lastSeq);
      let intactUpTo = (await readLinks(Math.max(after - 1, 0), upTo)) ? after : null;
      for (;;) {
        const seals = (await chain.selectSeals(db, after, BATCH)).filter(({ seq }) => seq <= upTo);
        for (const seal of seals) {
          if (!mayGoOn()) return undefined;
          if (!(await readRows(seal))) intactUpTo = null;
          if (intactUpTo !== null) intactUpTo = seal.seq;
          after = seal.seq;
        }
        if (seals.length < BATCH) return intactUpTo;
      }
    },
  };
}

function asFinding(name: SealChain<never>['name'], { seq, why, missing }: BrokenLink): Finding {
  return {
    subject: `${name}:${seq}`,
    details: { seal: seq, what: why, ...(missing > 0 ? { missing } : {}) },
  };
}
