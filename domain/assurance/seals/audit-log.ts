import type { Database } from '../../../platform/database/database';
import { prepareLongReading } from '../../stock/ledger/long-reading';
import type { CheckMode, Finding } from '../types';
import {
  insertAuditSeal,
  markAuditVerified,
  selectAuditBound,
  selectAuditSeals,
  selectAuditVerified,
  selectBrokenAuditLinks,
  selectWrongEntries,
  verifyAuditSeal,
} from './audit-queries';
import { trySealerLock } from './queries';
import { refuseTurnedBack, type SealOptions, type SealResult } from './seal';

/** What has to be read again to verify a seal. */
const ROWS_PER_SEAL = 10_000;

/**
 * Seals every entry of the audit log that no running transaction can add to, as `sealLedger` does with the ledger. Does nothing while
 * another sealer runs.
 *
 * @throws AppError `LEDGER_XIDS_WENT_BACK`
 */
export async function sealAuditLog(
  db: Database,
  { rowsPerSeal = ROWS_PER_SEAL, signal }: Pick<SealOptions, 'rowsPerSeal' | 'signal'> = {},
): Promise<SealResult> {
  const sealed = { seals: 0, rows: 0 };
  while (!signal?.aborted) {
    const rows = await db.retrying(async (tx) => {
      if (!(await trySealerLock(tx))) return 0;
      await prepareLongReading(tx);
      const bound = await selectAuditBound(tx);
      refuseTurnedBack(bound);
      return insertAuditSeal(tx, bound, rowsPerSeal);
    });
    if (rows === 0) break;
    sealed.seals += 1;
    sealed.rows += rows;
    if (rows < rowsPerSeal) break;
  }
  return sealed;
}

export interface VerifyAuditOptions {
  /** `incremental`: entries of the seals made since the last verification, and of a share of those before; the chain itself always. */
  mode: CheckMode;
  /** Findings at most. */
  limit: number;
  onProgress?: () => void;
  signal?: AbortSignal;
}

/** Incremental checks in which all seals are read again. */
const SHARES = 28;
const BATCH = 100;

/**
 * Reads sealed entries of the audit log again and compares them with their seals, and the seals with each other. Names each entry that
 * was changed, is missing or was added, and each seal that was changed or is missing.
 */
export async function verifyAuditLog(db: Database, options: VerifyAuditOptions): Promise<Finding[]> {
  const { mode, limit, signal, onProgress } = options;
  const { sealsSeq, sealsHash, rereadSeq } = await selectAuditVerified(db);
  const findings: Finding[] = await db.transaction(async (tx) => {
    await prepareLongReading(tx);
    const links = await selectBrokenAuditLinks(tx, { lastSeq: sealsSeq, lastHash: sealsHash, limit });
    return links.map(({ seq, why, missing }) => ({
      subject: `audit-seal:${seq}`,
      details: { seal: seq, what: why, ...(missing > 0 ? { missing } : {}) },
    }));
  });
  let intactUpTo = findings.length === 0 ? sealsSeq : null;
  const mayGoOn = () => !signal?.aborted && findings.length < limit;
  const share = mode === 'full' ? [] : await shareOf(db, { sealsSeq, rereadSeq });
  for (const seq of share) {
    if (!mayGoOn()) return findings;
    findings.push(...(await verifyOne(db, seq, limit - findings.length)));
    onProgress?.();
  }
  let after = mode === 'full' ? 0 : sealsSeq;
  for (;;) {
    const seals = await selectAuditSeals(db, after, BATCH);
    for (const seq of seals) {
      if (!mayGoOn()) return findings;
      const found = await verifyOne(db, seq, limit - findings.length);
      findings.push(...found);
      onProgress?.();
      if (found.length > 0) intactUpTo = null;
      if (intactUpTo !== null) intactUpTo = seq;
      after = seq;
    }
    if (seals.length < BATCH) break;
  }
  await markAuditVerified(db, { seq: intactUpTo ?? 0, rereadSeq: share.at(-1) ?? rereadSeq });
  return findings;
}

/** Those of the seals that were verified before that this check reads again, in a round. */
async function shareOf(
  db: Database,
  { sealsSeq, rereadSeq }: { sealsSeq: number; rereadSeq: number },
): Promise<number[]> {
  const count = Math.ceil(sealsSeq / SHARES);
  if (count === 0) return [];
  const next = await selectAuditSeals(db, rereadSeq, count);
  const seals = next.filter((seq) => seq <= sealsSeq);
  return seals.length > 0 ? seals : selectAuditSeals(db, 0, count);
}

async function verifyOne(db: Database, seq: number, limit: number): Promise<Finding[]> {
  return db.transaction(async (tx) => {
    await prepareLongReading(tx);
    const { intact, evidence } = await verifyAuditSeal(tx, seq);
    if (intact && evidence) return [];
    const wrong = intact ? [] : await selectWrongEntries(tx, seq, limit);
    // The entries and what was noted of each agree, yet not with the seal: it was the seal that was changed.
    if (wrong.length === 0)
      return [{ subject: `audit-seal:${seq}`, details: { seal: seq, what: 'evidence_changed' } }];
    return wrong.map(({ rowId, what }) => ({
      subject: `audit-entry:${rowId}`,
      details: { seal: seq, entryId: rowId, what },
    }));
  });
}
