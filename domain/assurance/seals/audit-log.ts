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
import { asFinding, readerOfChain, type SealChain } from './chain';
import { trySealerLock, type BrokenLink } from './queries';
import { MAX_BROKEN } from './recheck';
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
  /** `incremental`: seals made since the last verification and their entries, and a share of those before. */
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
  const { sealsSeq, sealsHash, rereadSeq, broken } = await selectAuditVerified(db);
  const chain = readerOfChain(db, AUDIT_CHAIN, { lastSeq: sealsSeq, lastHash: sealsHash, limit });
  const findings = new Map<string, Finding>();
  const tell = (found: readonly Finding[]) => {
    for (const finding of found)
      findings.set(`${finding.subject} ${String(finding.details['what'])}`, finding);
  };
  const wrong = new Set<number>();
  const tellOfLinks = (links: readonly BrokenLink[]) => {
    tell(links.map((link) => asFinding(AUDIT_CHAIN, link)));
    for (const { seq } of links) wrong.add(seq);
  };
  const read = async (seq: number): Promise<boolean> => {
    const found = await verifyOne(db, seq, limit - findings.size);
    tell(found);
    if (found.length > 0) wrong.add(seq);
    onProgress?.();
    return found.length === 0;
  };
  let after = mode === 'full' ? 0 : sealsSeq;
  // Seals that are made meanwhile are for the next check, which reads the chain up to them.
  const upTo = Math.max((await selectAuditBound(db)).seq, sealsSeq);
  const links = await chain.read(Math.max(after - 1, 0), upTo);
  tellOfLinks(links);
  let intactUpTo = links.length === 0 ? after : null;
  const mayGoOn = () => !signal?.aborted && findings.size < limit;
  for (;;) {
    const seals = (await selectAuditSeals(db, after, BATCH)).filter((seq) => seq <= upTo);
    for (const seq of seals) {
      if (!mayGoOn()) return [...findings.values()];
      if (!(await read(seq))) intactUpTo = null;
      if (intactUpTo !== null) intactUpTo = seq;
      after = seq;
    }
    if (seals.length < BATCH) break;
  }
  let reread = rereadSeq;
  if (mode === 'incremental') {
    // What is not verified yet is read again by each check in any case.
    wrong.clear();
    const share = await shareOf(db, { sealsSeq, rereadSeq });
    const isThere = async (seq: number) => (await selectAuditSeals(db, seq - 1, 1))[0] === seq;
    for (const seq of broken) {
      if (!mayGoOn()) return [...findings.values()];
      tellOfLinks(await chain.readAgain(seq));
      if (!share.includes(seq) && (await isThere(seq))) await read(seq);
    }
    for (const seq of share) {
      if (!mayGoOn()) return [...findings.values()];
      await read(seq);
    }
    const [first, last] = [share[0], share.at(-1)];
    if (first !== undefined && last !== undefined) {
      tellOfLinks(await chain.read(first - 1, last));
      reread = last;
    }
  }
  await markAuditVerified(db, {
    seq: intactUpTo ?? 0,
    rereadSeq: reread,
    broken: [...wrong].sort((a, b) => a - b).slice(0, MAX_BROKEN),
  });
  return [...findings.values()];
}

const AUDIT_CHAIN: SealChain = {
  name: 'audit-seal',
  selectBroken: selectBrokenAuditLinks,
  selectNext: async (on, after) => (await selectAuditSeals(on, after, 1))[0],
};

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
