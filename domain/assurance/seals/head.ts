import type { Database } from '../../../platform/database/database';
import { selectHashes, type SealHead } from './queries';
import type { Finding } from '../types';

/** What of a `SealHead` is compared. */
export type KeptHead = Pick<SealHead, 'seq' | 'hash' | 'folds' | 'foldHash'>;

/**
 * Whether the chain of seals, and that of months that were summed up, still go through a head that was kept elsewhere. Together with
 * `verifySeals` it finds any change of what the head covers, also by somebody who can make seals anew.
 */
export async function verifyHead(db: Database, head: KeptHead): Promise<Finding[]> {
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
  return findings;
}
