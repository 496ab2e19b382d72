import type { Database } from '../../../platform/database/database';
import { prepareLongReading } from '../../stock/ledger/long-reading';
import type { CheckId, CheckMode, Finding } from '../types';
import { asFinding, readerOfChain, type SealChain } from './chain';
import { trySealerLock, type BrokenLink } from './queries';
import { MAX_BROKEN } from './recheck';
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

export interface VerifyLogOptions {
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
 * Reads sealed rows of a log again and compares them with their seals, and the seals with each other. Names each row that
 * was changed, is missing or was added, and each seal that was changed or is missing.
 */
export async function verifyLog(db: Database, log: SealedLog, options: VerifyLogOptions): Promise<Finding[]> {
  const own = CHAINS[log];
  const { mode, limit, signal, onProgress } = options;
  const { sealsSeq, sealsHash, rereadSeq, broken } = await selectLogVerified(db, log);
  const chain = readerOfChain(db, own, { lastSeq: sealsSeq, lastHash: sealsHash, limit });
  const findings = new Map<string, Finding>();
  const tell = (found: readonly Finding[]) => {
    for (const finding of found)
      findings.set(`${finding.subject} ${String(finding.details['what'])}`, finding);
  };
  const wrong = new Set<number>();
  const tellOfLinks = (links: readonly BrokenLink[]) => {
    tell(links.map((link) => asFinding(own, link)));
    for (const { seq } of links) wrong.add(seq);
  };
  const read = async (seq: number): Promise<boolean> => {
    const found = await verifyOne(db, log, { seq, limit: limit - findings.size });
    tell(found);
    if (found.length > 0) wrong.add(seq);
    onProgress?.();
    return found.length === 0;
  };
  let after = mode === 'full' ? 0 : sealsSeq;
  // Seals that are made meanwhile are for the next check, which reads the chain up to them.
  const upTo = Math.max((await selectLogBound(db, log)).seq, sealsSeq);
  const links = await chain.read(Math.max(after - 1, 0), upTo);
  tellOfLinks(links);
  let intactUpTo = links.length === 0 ? after : null;
  const mayGoOn = () => !signal?.aborted && findings.size < limit;
  for (;;) {
    const seals = (await selectLogSeals(db, log, { after, limit: BATCH })).filter((seq) => seq <= upTo);
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
    const share = await shareOf(db, log, { sealsSeq, rereadSeq });
    const isThere = async (seq: number) =>
      (await selectLogSeals(db, log, { after: seq - 1, limit: 1 }))[0] === seq;
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
  await markLogVerified(db, log, {
    seq: intactUpTo ?? 0,
    rereadSeq: reread,
    broken: [...wrong].sort((a, b) => a - b).slice(0, MAX_BROKEN),
  });
  return [...findings.values()];
}

const chainOf = (log: SealedLog): SealChain => ({
  name: LOG_WORDS[log].seal,
  selectBroken: (on, range) => selectBrokenLogLinks(on, log, range),
  selectNext: async (on, after) => (await selectLogSeals(on, log, { after, limit: 1 }))[0],
});

const CHAINS: Readonly<Record<SealedLog, SealChain>> = {
  audit_log: chainOf('audit_log'),
  money_ledger: chainOf('money_ledger'),
};

/** Those of the seals that were verified before that this check reads again, in a round. */
async function shareOf(
  db: Database,
  log: SealedLog,
  { sealsSeq, rereadSeq }: { sealsSeq: number; rereadSeq: number },
): Promise<number[]> {
  const count = Math.ceil(sealsSeq / SHARES);
  if (count === 0) return [];
  const next = await selectLogSeals(db, log, { after: rereadSeq, limit: count });
  const seals = next.filter((seq) => seq <= sealsSeq);
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
