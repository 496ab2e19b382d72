import type { Database } from '../../../platform/database/database';
import {
  hasMonth,
  selectBrokenFolds,
  selectBrokenLinks,
  selectSeals,
  selectWrongRows,
  verifySealRows,
  type SealRange,
} from './queries';
import { markAllRechecked, shareToRecheck } from './recheck';
import { markSealsVerified, isFolded, selectVerified } from './checkpoint-queries';
import { prepareLongReading } from '../../stock/ledger/long-reading';
import type { CheckMode, Finding } from '../types';

export interface VerifySealsOptions {
  /** `incremental`: rows of the seals made since the last verification, and of a share of those before; the chain itself always. */
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
  const verified = await selectVerified(db);
  const outcome: SealsOutcome = { seals: 0, rows: 0, findings: [] };
  const { broken, folds } = await db.transaction(async (tx) => {
    await prepareLongReading(tx);
    const { sealsSeq: lastSeq, sealsHash: lastHash } = verified;
    const links = await selectBrokenLinks(tx, { lastSeq, lastHash, limit: options.limit });
    return { broken: links, folds: await selectBrokenFolds(tx) };
  });
  outcome.findings.push(
    ...folds.map(({ partition, what }) => ({ subject: `fold:${partition}`, details: { partition, what } })),
  );
  outcome.findings.push(
    ...broken.map(({ seq, why, missing }) => ({
      subject: `seal:${seq}`,
      details: { seal: seq, what: why, ...(missing > 0 ? { missing } : {}) },
    })),
  );
  let after = options.mode === 'full' ? 0 : verified.sealsSeq;
  let intactUpTo = broken.length === 0 ? after : null;
  const wrong = new Set<number>();
  /** A month that is gone is told of once, not by each of its seals. */
  const told = new Set<string>();
  const read = async (seal: SealRange): Promise<boolean> => {
    const findings = await verifySeal(db, seal, options.limit - outcome.findings.length);
    outcome.findings.push(
      ...findings.filter(({ subject, details }) => details['what'] !== 'month_missing' || !told.has(subject)),
    );
    for (const { subject } of findings) told.add(subject);
    outcome.seals += 1;
    outcome.rows += seal.rowCount;
    if (findings.length > 0) wrong.add(seal.seq);
    options.onProgress?.(outcome.seals);
    return findings.length === 0;
  };
  const mayGoOn = () => !options.signal?.aborted && outcome.findings.length < options.limit;
  for (;;) {
    const seals = await selectSeals(db, after, BATCH);
    for (const seal of seals) {
      if (!mayGoOn()) return outcome;
      if (!(await read(seal))) intactUpTo = null;
      if (intactUpTo !== null) intactUpTo = seal.seq;
      after = seal.seq;
    }
    if (seals.length < BATCH) break;
  }
  if (intactUpTo !== null) await markSealsVerified(db, intactUpTo);
  if (options.mode === 'full') {
    await markAllRechecked(db, wrong);
    return outcome;
  }
  const share = await shareToRecheck(db, verified.sealsSeq, options.recheck);
  wrong.clear();
  for await (const seal of share.seals()) {
    if (!mayGoOn()) return outcome;
    await read(seal);
  }
  await share.end(wrong);
  return outcome;
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
