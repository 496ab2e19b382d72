import type { Database } from '../../../platform/database/database';
import { keepPartitions, prepareLongReading } from '../../stock/ledger/long-reading';
import { hashSums, selectFoldsAfter, selectHashes, selectSealHead, type LedgerHead } from './head-queries';
import { selectLogHash, selectLogHead, type SealedLog } from './sealed-log-queries';
import { LOG_WORDS } from './sealed-logs';
import type { Finding } from '../types';

/** What proves both ledgers and the audit log up to a time, to be kept elsewhere: whoever has it finds any change of what it covers. */
export interface SealHead extends LedgerHead {
  /** Number of the latest seal of the audit log, and its hash, hexadecimal; 0 and null: there is none. */
  auditSeq: number;
  auditHash: string | null;
  /** The same of the money ledger. */
  moneySeq: number;
  moneyHash: string | null;
}

/** What of a `SealHead` is compared. A head of an earlier version has no sums, and nothing of the audit log or the money ledger. */
export type KeptHead = Pick<SealHead, 'seq' | 'hash' | 'folds' | 'foldHash'> &
  Partial<Pick<SealHead, 'sumsSeq' | 'sumsHash' | 'auditSeq' | 'auditHash' | 'moneySeq' | 'moneyHash'>>;

/** How many seals there are, and the latest of each chain. */
export async function readSealHead(db: Database): Promise<SealHead> {
  const ledger = await selectSealHead(db);
  const audit = await selectLogHead(db, 'audit_log');
  const money = await selectLogHead(db, 'money_ledger');
  return {
    ...ledger,
    auditSeq: audit.seq,
    auditHash: audit.hash,
    moneySeq: money.seq,
    moneyHash: money.hash,
  };
}

export interface HeadOutcome {
  findings: Finding[];
  /** Months that were summed up since the head: their entries are gone. */
  foldedSince: string[];
  /** Whether the sums of the head could be compared, also with entries that are gone. */
  sumsCompared: boolean;
}

/**
 * Whether the chains of seals, and that of months that were summed up, still go through a head that was kept elsewhere, and whether the
 * ledger still adds up to the sums of the head. Together with `verifySeals` it finds any change of what the head covers, also by
 * somebody who can make seals anew, or drop a month as if it had been summed up.
 */
export async function verifyHead(db: Database, head: KeptHead): Promise<HeadOutcome> {
  const found = await selectHashes(db, head);
  const findings: Finding[] = [];
  if (head.seq > 0 && found.hash !== head.hash) {
    findings.push({
      subject: `seal:${head.seq}`,
      details: { seal: head.seq, what: found.hash === null ? 'seal_missing' : 'not_the_kept_head' },
    });
  }
  if (head.folds > 0 && found.foldHash !== head.foldHash) {
    findings.push({
      subject: `fold:${head.folds}`,
      details: { fold: head.folds, what: 'not_the_kept_head' },
    });
  }
  const { auditSeq = 0, auditHash = null, moneySeq = 0, moneyHash = null } = head;
  findings.push(...(await compareLog(db, 'audit_log', { seq: auditSeq, hash: auditHash })));
  findings.push(...(await compareLog(db, 'money_ledger', { seq: moneySeq, hash: moneyHash })));
  const sums = await compareSums(db, head);
  if (sums === 'different') {
    findings.push({ subject: 'ledger-sums', details: { seal: head.sumsSeq, what: 'not_the_kept_sums' } });
  }
  return {
    findings,
    foldedSince: await selectFoldsAfter(db, head.folds),
    sumsCompared: sums !== 'unknown',
  };
}

async function compareLog(
  db: Database,
  log: SealedLog,
  kept: { seq: number; hash: string | null },
): Promise<Finding[]> {
  if (kept.seq === 0) return [];
  const hash = await selectLogHash(db, log, kept.seq);
  if (hash === kept.hash) return [];
  const what = hash === null ? 'seal_missing' : 'not_the_kept_head';
  return [{ subject: `${LOG_WORDS[log].seal}:${kept.seq}`, details: { seal: kept.seq, what } }];
}

async function compareSums(
  db: Database,
  { sumsSeq, sumsHash }: KeptHead,
): Promise<'same' | 'different' | 'unknown'> {
  if (!sumsSeq || !sumsHash) return 'unknown';
  const hash = await db.transaction(async (tx) => {
    await prepareLongReading(tx);
    await keepPartitions(tx);
    return hashSums(tx, sumsSeq);
  });
  if (hash === null) return 'unknown';
  return hash === sumsHash ? 'same' : 'different';
}
