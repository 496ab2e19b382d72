import type { Database } from '../../../platform/database/database';
import { prepareLongReading } from '../../stock/ledger/long-reading';
import type { CheckId, CheckMode, Finding } from '../types';
import { verifyingChain, type SealChain, type VerifyChainOptions } from './chain';
import { trySealerLock } from './queries';
import { brokenToRemember } from './recheck';
import { refuseTurnedBack, type SealOptions, type SealResult } from './seal';
import {
  insertLogSeal,
  markLogVerified,
  selectBrokenLogLinks,
  selectLogBound,
  selectLogSeals,
  selectLogVerified,
  selectWrongLogRows,
  verifyLogSeal,
  type LogSeal,
  type SealedLog,
} from './sealed-log-queries';

export { SEALED_LOGS, type SealedLog } from './sealed-log-queries';

/** What findings of each are called, and its check. */
export const LOG_WORDS = {
  audit_log: { check: 'audit_seals', seal: 'audit-seal', row: 'audit-entry' },
  money_ledger: { check: 'money_seals', seal: 'money-seal', row: 'money-entry' },
} as const satisfies Record<SealedLog, { check: CheckId; seal: string; row: string }>;

/** What has to be read again to verify a seal. */
const ROWS_PER_SEAL = 10_000;

/**
 * Seals every row of a log that no running transaction can add to, as `sealLedger` does with the ledger of stock. Does nothing while
 * another sealer runs.
 *
 * @throws AppError `LEDGER_XIDS_WENT_BACK`
 */
export async function sealLog(
  db: Database,
  log: SealedLog,
  { rowsPerSeal = ROWS_PER_SEAL, signal }: Pick<SealOptions, 'rowsPerSeal' | 'signal'> = {},
): Promise<SealResult> {
  const sealed = { seals: 0, rows: 0 };
  while (!signal?.aborted) {
    const rows = await db.retrying(async (tx) => {
      if (!(await trySealerLock(tx))) return 0;
      await prepareLongReading(tx);
      const bound = await selectLogBound(tx, log);
      refuseTurnedBack(bound);
      return insertLogSeal(tx, log, { bound, limit: rowsPerSeal });
    });
    if (rows === 0) break;
    sealed.seals += 1;
    sealed.rows += rows;
    if (rows < rowsPerSeal) break;
  }
  return sealed;
}

export interface VerifyLogOptions extends VerifyChainOptions {
  /** `incremental`: seals made since the last verification and their entries, and a share of those before. */
  mode: CheckMode;
  onProgress?: () => void;
}

/** Incremental checks in which all seals are read again. */
const SHARES = 28;

/**
 * Reads sealed rows of a log again and compares them with their seals, and the seals with each other. Names each row that
 * was changed, is missing or was added, and each seal that was changed or is missing.
 */
export async function verifyLog(db: Database, log: SealedLog, options: VerifyLogOptions): Promise<Finding[]> {
  const { mode, onProgress } = options;
  const { sealsSeq, sealsHash, rereadSeq, broken } = await selectLogVerified(db, log);
  const verified = { lastSeq: sealsSeq, lastHash: sealsHash };
  const verification = verifyingChain(db, chainOf(log, onProgress), verified, options);
  const { findings, wrong, mayGoOn } = verification;
  const intactUpTo = await verification.readAfterVerified(mode);
  if (intactUpTo === undefined) return findings;
  let reread = rereadSeq;
  if (mode === 'incremental') {
    // What is not verified yet is read again by each check in any case.
    wrong.clear();
    const share = await shareOf(db, log, { sealsSeq, rereadSeq });
    for (const seq of broken) {
      if (!mayGoOn()) return findings;
      await verification.readLinksAgain(seq);
      if (share.some((seal) => seal.seq === seq)) continue;
      const [seal] = await selectLogSeals(db, log, { after: seq - 1, limit: 1 });
      if (seal?.seq === seq) await verification.readRows(seal);
    }
    for (const seal of share) {
      if (!mayGoOn()) return findings;
      await verification.readRows(seal);
    }
    const [first, last] = [share[0], share.at(-1)];
    if (first && last) {
      await verification.readLinks(first.seq - 1, last.seq);
      reread = last.seq;
    }
  }
  await markLogVerified(db, log, {
    seq: intactUpTo ?? 0,
    rereadSeq: reread,
    broken: brokenToRemember(wrong),
  });
  return findings;
}

function chainOf(log: SealedLog, onProgress: () => void = () => undefined): SealChain<LogSeal> {
  return {
    name: LOG_WORDS[log].seal,
    selectBound: (on) => selectLogBound(on, log),
    selectSeals: (on, after, limit) => selectLogSeals(on, log, { after, limit }),
    selectBroken: (on, range) => selectBrokenLogLinks(on, log, range),
    async verify(db, { seq }, limit) {
      const found = await verifyOne(db, log, { seq, limit });
      onProgress();
      return found;
    },
  };
}

/** Those of the seals that were verified before that this check reads again, in a round. */
async function shareOf(
  db: Database,
  log: SealedLog,
  { sealsSeq, rereadSeq }: { sealsSeq: number; rereadSeq: number },
): Promise<LogSeal[]> {
  const count = Math.ceil(sealsSeq / SHARES);
  if (count === 0) return [];
  const next = await selectLogSeals(db, log, { after: rereadSeq, limit: count });
  const seals = next.filter(({ seq }) => seq <= sealsSeq);
  return seals.length > 0 ? seals : selectLogSeals(db, log, { after: 0, limit: count });
}

async function verifyOne(
  db: Database,
  log: SealedLog,
  { seq, limit }: { seq: number; limit: number },
): Promise<Finding[]> {
  const words = LOG_WORDS[log];
  return db.transaction(async (tx) => {
    await prepareLongReading(tx);
    const { intact, evidence } = await verifyLogSeal(tx, log, seq);
    if (intact && evidence) return [];
    const wrong = intact ? [] : await selectWrongLogRows(tx, log, { seq, limit });
    // The rows and what was noted of each agree, yet not with the seal: it was the seal that was changed.
    if (wrong.length === 0)
      return [{ subject: `${words.seal}:${seq}`, details: { seal: seq, what: 'evidence_changed' } }];
    return wrong.map(({ rowId, what }) => ({
      subject: `${words.row}:${rowId}`,
      details: { seal: seq, entryId: rowId, what },
    }));
  });
}
