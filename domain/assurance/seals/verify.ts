import type { Database } from '../../../platform/database/database';
import {
  hasMonth,
  selectBrokenFolds,
  selectBrokenLinks,
  selectSealBound,
  selectSeals,
  selectWrongRows,
  verifySealRows,
  type BrokenLink,
  type SealRange,
} from './queries';
import { asFinding, readerOfChain, type SealChain } from './chain';
import { markAllRechecked, shareToRecheck } from './recheck';
import { areFoldsDue, markFoldsRead } from './recheck-queries';
import { markSealsVerified, isFolded, selectVerified } from './checkpoint-queries';
import { prepareLongReading } from '../../stock/ledger/long-reading';
import type { CheckMode, Finding } from '../types';

export interface VerifySealsOptions {
  /** `incremental`: seals made since the last verification and their rows, and a share of those before. */
  mode: CheckMode;
  /** Findings at most. */
  limit: number;
  onProgress?: (seals: number) => void;
  signal?: AbortSignal;
  /** Rows that are read again at most, and seconds in which all seals are. */
  recheck?: { maxRows?: number; roundSeconds?: number };
}

export interface SealsOutcome {
  /** Seals whose rows were read again, and how many these are. */
  seals: number;
  rows: number;
  findings: Finding[];
}

const BATCH = 100;

/**
 * Reads sealed rows again and compares them with their seals, and the seals with each other. Names each row that was changed,
 * is missing or was added, each month that is gone, and each seal that was changed or is missing. Rows of months whose partition
 * was dropped by the retention are known to be gone.
 */
export async function verifySeals(db: Database, options: VerifySealsOptions): Promise<SealsOutcome> {
  const { mode, limit } = options;
  const verified = await selectVerified(db);
  const { sealsSeq: lastSeq, sealsHash: lastHash } = verified;
  const chain = readerOfChain(db, LEDGER_CHAIN, { lastSeq, lastHash, limit });
  const outcome: SealsOutcome = { seals: 0, rows: 0, findings: [] };
  /** A month that is gone is told of once, not by each of its seals; a seal, once and not by each part that it is read with. */
  const told = new Set<string>();
  const tell = (findings: readonly Finding[]) => {
    for (const finding of findings) {
      const what = `${finding.subject} ${String(finding.details['what'])}`;
      if (!told.has(what)) outcome.findings.push(finding);
      told.add(what);
    }
  };
  const wrong = new Set<number>();
  const tellOfLinks = (links: readonly BrokenLink[]) => {
    tell(links.map((link) => asFinding(LEDGER_CHAIN, link)));
    for (const { seq } of links) wrong.add(seq);
  };
  tell(await readFolds(db, mode));
  let after = mode === 'full' ? 0 : lastSeq;
  // Seals that are made meanwhile are for the next check, which reads the chain up to them.
  const upTo = Math.max((await selectSealBound(db)).seq, lastSeq);
  const links = await chain.read(Math.max(after - 1, 0), upTo);
  tellOfLinks(links);
  let intactUpTo = links.length === 0 ? after : null;
  const read = async (seal: SealRange): Promise<boolean> => {
    const findings = await verifySeal(db, seal, limit - outcome.findings.length);
    tell(findings);
    outcome.seals += 1;
    outcome.rows += seal.rowCount;
    if (findings.length > 0) wrong.add(seal.seq);
    options.onProgress?.(outcome.seals);
    return findings.length === 0;
  };
  const mayGoOn = () => !options.signal?.aborted && outcome.findings.length < limit;
  for (;;) {
    const seals = (await selectSeals(db, after, BATCH)).filter(({ seq }) => seq <= upTo);
    for (const seal of seals) {
      if (!mayGoOn()) return outcome;
      if (!(await read(seal))) intactUpTo = null;
      if (intactUpTo !== null) intactUpTo = seal.seq;
      after = seal.seq;
    }
    if (seals.length < BATCH) break;
  }
  if (intactUpTo !== null) await markSealsVerified(db, intactUpTo);
  if (mode === 'full') {
    await markAllRechecked(db, wrong);
    return outcome;
  }
  // What is not verified yet is read again by each check in any case.
  wrong.clear();
  const share = await shareToRecheck(db, lastSeq, options.recheck);
  for (const seq of share.broken) {
    if (!mayGoOn()) return outcome;
    tellOfLinks(await chain.readAgain(seq));
  }
  for await (const seal of share.seals()) {
    if (!mayGoOn()) return outcome;
    await read(seal);
  }
  const came = share.range();
  if (came.upTo > came.after) tellOfLinks(await chain.read(came.after, came.upTo));
  await share.end(wrong);
  return outcome;
}

const LEDGER_CHAIN: SealChain = {
  name: 'seal',
  selectBroken: selectBrokenLinks,
  selectNext: async (on, after) => (await selectSeals(on, after, 1))[0]?.seq,
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
