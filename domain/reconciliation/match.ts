import type { Transaction } from '../../platform/database/database';
import { groupLeft } from './grouping';
import {
  countLeft,
  deleteGrouped,
  joinByHashOnly,
  pairCorrected,
  pairNearDays,
  pairSameDay,
  selectLeft,
  updateDetails,
} from './left-queries';
import { insertDifferences } from './match-queries';
import { deleteCompared, insertLeft, insertPairs, type Compared } from './pair-queries';

/** With more that is left, groups are not looked for. */
const MAX_GROUPABLE = 20_000;

/** What a comparison came to. */
export interface Matched {
  differences: number;
  /** Of a bank: how often several were paid as one, or one by several; null: too much was left to look for that. */
  grouped: number | null;
}

/**
 * Writes all differences between what a file says and what we know: by reference, then by amount and day, then in groups. Part of the
 * caller's transaction; all that it works with is gone when it ends.
 */
export async function matchEntries(tx: Transaction, compared: Compared, jobId: string): Promise<Matched> {
  const { feedId, request } = compared;
  await insertPairs(tx, compared);
  await insertLeft(tx, compared);
  await joinByHashOnly(tx, true);
  await pairSameDay(tx, feedId);
  await pairNearDays(tx, compared);
  await pairCorrected(tx, feedId);
  await joinByHashOnly(tx, false);
  const grouped = request.mode === 'bank' ? await pairGroups(tx, compared) : 0;
  const differences = await insertDifferences(tx, compared, jobId);
  await deleteCompared(tx, feedId);
  return { differences, grouped };
}

async function pairGroups(tx: Transaction, { feedId, request }: Compared): Promise<number | null> {
  if ((await countLeft(tx, feedId, MAX_GROUPABLE + 1)).count > MAX_GROUPABLE) return null;
  const [ours, theirs] = [await selectLeft(tx, feedId, true), await selectLeft(tx, feedId, false)];
  const found = groupLeft(ours, theirs, request.toleranceDays);
  await updateDetails(tx, feedId, true, found.ours.details);
  await updateDetails(tx, feedId, false, found.theirs.details);
  await deleteGrouped(tx, feedId, {
    ours: [...found.ours.grouped],
    theirs: [...found.theirs.grouped],
  });
  return found.groups;
}
