import type { Database } from '../../../platform/database/database';
import {
  hasMonth,
  selectBrokenFolds,
  selectBrokenLinks,
  selectSealBound,
  selectSeals,
  selectWrongRows,
  verifySealRows,
  type SealRange,
} from './queries';
import { verifyingChain, type SealChain, type VerifyChainOptions } from './chain';
import { markAllRechecked, shareToRecheck } from './recheck';
import { areFoldsDue, markFoldsRead } from './recheck-queries';
import { markSealsVerified, isFolded, selectVerified } from './checkpoint-queries';
import { prepareLongReading } from '../../stock/ledger/long-reading';
import type { CheckMode, Finding } from '../types';

export interface VerifySealsOptions extends VerifyChainOptions {
  /** `incremental`: seals made since the last verification and their rows, and a share of those before. */
  mode: CheckMode;
  onProgress?: (seals: number) => void;
  /** Rows that are read again at most, and seconds in which all seals are. */
  recheck?: { maxRows?: number; roundSeconds?: number };
}

export interface SealsOutcome {
  /** Seals whose rows were read again, and how many these are. */
  seals: number;
  rows: number;
  findings: Finding[];
}

/**
 * Reads sealed rows again and compares them with their seals, and the seals with each other. Names each row that was changed,
 * is missing or was added, each month that is gone, and each seal that was changed or is missing. Rows of months whose partition
 * was dropped by the retention are known to be gone.
 */
export async function verifySeals(db: Database, options: VerifySealsOptions): Promise<SealsOutcome> {
  const { mode, onProgress } = options;
  const { sealsSeq: lastSeq, sealsHash: lastHash } = await selectVerified(db);
  let seals = 0;
  let rows = 0;
  const chain: SealChain<SealRange> = {
    ...LEDGER_CHAIN,
    async verify(on, seal, limit) {
      const found = await verifySeal(on, seal, limit);
      seals += 1;
      rows += seal.rowCount;
      onProgress?.(seals);
      return found;
    },
  };
  const verification = verifyingChain(db, chain, { lastSeq, lastHash }, options);
  const { findings, wrong, mayGoOn } = verification;
  const outcome = () => ({ seals, rows, findings });
  verification.tell(await readFolds(db, mode));
  const intactUpTo = await verification.readAfterVerified(mode);
  if (intactUpTo === undefined) return outcome();
  if (intactUpTo !== null) await markSealsVerified(db, intactUpTo);
  if (mode === 'full') {
    await markAllRechecked(db, wrong);
    return outcome();
  }
  // What is not verified yet is read again by each check in any case.
  wrong.clear();
  const share = await shareToRecheck(db, lastSeq, options.recheck);
  for (const seq of share.broken) {
    if (!mayGoOn()) return outcome();
    await verification.readLinksAgain(seq);
  }
  for await (const seal of share.seals()) {
    if (!mayGoOn()) return outcome();
    await verification.readRows(seal);
  }
  const came = share.range();
  if (came.upTo > came.after) await verification.readLinks(came.after, came.upTo);
  await share.end(wrong);
  return outcome();
}

const LEDGER_CHAIN: SealChain<SealRange> = {
  name: 'seal',
  selectBound: selectSealBound,
  selectSeals,
  selectBroken: selectBrokenLinks,
  verify: verifySeal,
};

/** The record of months that were summed up, and the opening balances: all of them are read, so an incremental check does so once a day. */
async function readFolds(db: Database, mode: CheckMode): Promise<Finding[]> {
  if (mode === 'incremental' && !(await areFoldsDue(db))) return [];
  const broken = await db.transaction(async (tx) => {
    await prepareLongReading(tx);
    return selectBrokenFolds(tx);
  });
  await markFoldsRead(db, broken.length > 0);
  return broken.map(({ partition, what }) => ({
    subject: `fold:${partition}`,
    details: { partition, what },
  }));
}

async function verifySeal(db: Database, seal: SealRange, limit: number): Promise<Finding[]> {
  return db.transaction(async (tx) => {
    await prepareLongReading(tx);
    const findings: Finding[] = [];
    for (const part of await verifySealRows(tx, seal)) {
      if (part.intact && part.evidenceIntact) continue;
      if (part.actual === null && (await isFolded(tx, part.month))) continue;
      const about = { seal: seal.seq, month: part.month };
      if (part.actual === null && !(await hasMonth(tx, part.month))) {
        const subject = `ledger-month:${part.month.slice(0, 7)}`;
        findings.push({ subject, details: { ...about, what: 'month_missing' } });
        continue;
      }
      const wrong = part.intact ? [] : await selectWrongRows(tx, seal, part.month, limit);
      findings.push(
        ...wrong.map(({ rowId, what }) => ({
          subject: `ledger-row:${rowId}`,
          details: { ...about, ledgerId: rowId, what },
        })),
      );
      // The rows and what was noted of each agree, yet not with the seal: it was the seal's part that was changed.
      if (wrong.length === 0) {
        findings.push({
          subject: `seal:${seal.seq}:${part.month}`,
          details: { ...about, what: 'evidence_changed' },
        });
      }
    }
    return findings;
  });
}
