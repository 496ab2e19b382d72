import type { Database, Transaction } from '../../platform/database/database';
import { cutPage } from '../../platform/database/pages';
import { AppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { recordChange } from '../audit/record';
import { knownMerchantId } from '../catalog/edit-merchants';
import { postAdjustment } from '../money/posting';
import {
  lockBookings,
  lockDifference,
  selectBookedSince,
  selectDifference,
  selectDifferences,
  updateDecided,
  type Decision,
  type DifferenceFilter,
} from './difference-queries';
import { readReconciliation, readRequest } from './request';
import type { DifferenceView } from './types';

/**
 * A page of the differences of a reconciliation, by number. `next` has the number to go on after; null at the end.
 *
 * @throws AppError `RECONCILIATION_NOT_FOUND`
 */
export async function listDifferences(
  db: Database,
  filter: DifferenceFilter,
): Promise<{ items: DifferenceView[]; next: { n: number } | null }> {
  await readReconciliation(db, filter.jobId);
  const { shown, next } = cutPage(await selectDifferences(db, filter), filter.limit, ({ n }) => ({ n }));
  return { items: shown, next };
}

export interface Deciding {
  jobId: string;
  n: number;
  reason: string;
  actor: string;
}

/**
 * Says that a difference is known, and that nothing is to be booked. Again, with the same reason, it changes nothing.
 *
 * @throws AppError `RECONCILIATION_NOT_FOUND`, `RECONCILIATION_DRY_RUN`, `DIFFERENCE_NOT_FOUND`; `DIFFERENCE_DECIDED`: otherwise, or for
 * another reason
 */
export function acceptDifference(db: Database, deciding: Deciding): Promise<DifferenceView> {
  return db.retrying((tx) => decide(tx, deciding, { status: 'accepted', merchant: null }));
}

/**
 * Books what they have more than we as an adjustment in the money ledger. Again, with the same reason and merchant, it changes nothing.
 *
 * @param deciding.merchant who owes it, or is owed it; null: nobody but us
 * @throws what `acceptDifference` throws; AppError `UNKNOWN_MERCHANT`; `DIFFERENCE_NOT_BOOKABLE`: it is of no amount;
 *   `DIFFERENCE_BOOKED_ELSEWHERE` with `jobId` and `n`: another reconciliation has booked of it since this one began
 */
export function bookDifference(
  db: Database,
  { merchant, ...deciding }: Deciding & { merchant: string | null },
): Promise<DifferenceView> {
  return db.retrying((tx) => decide(tx, deciding, { status: 'booked', merchant }));
}

async function decide(
  tx: Transaction,
  { jobId, n, reason, actor }: Deciding,
  { status, merchant }: { status: Decision['status']; merchant: string | null },
): Promise<DifferenceView> {
  const { dryRun } = await readRequest(tx, jobId);
  if (dryRun)
    throw new AppError(
      'RECONCILIATION_DRY_RUN',
      'It was a dry run. Reconcile again, to decide about differences.',
    );
  const found = (await lockDifference(tx, jobId, n)) && (await selectDifference(tx, jobId, n));
  if (!found) throw new AppError('DIFFERENCE_NOT_FOUND', 'There is no such difference.');
  if (found.status !== 'open') {
    if (found.status === status && found.reason === reason && found.merchant === merchant) return found;
    throw new AppError('DIFFERENCE_DECIDED', `The difference is ${found.status}.`, {
      status: found.status,
      reason: found.reason,
    });
  }
  const merchantId = merchant === null ? null : await knownMerchantId(tx, merchant);
  if (status === 'booked') await refuseBookedElsewhere(tx, jobId, n);
  const adjustmentId = status === 'booked' ? await book(tx, found, merchantId) : null;
  await updateDecided(tx, { jobId, n }, { status, reason, actor, adjustmentId, merchantId });
  await recordChange(tx, {
    actor,
    action: `reconciliation.${status}`,
    subject: { type: 'reconciliation', id: jobId },
    after: {
      n,
      class: found.class,
      kind: found.kind,
      ref: found.ref,
      deltaMinor: found.deltaMinor,
      adjustmentId,
      merchant,
    },
  });
  const decided = await selectDifference(tx, jobId, n);
  if (!decided) throw new Error(`the difference ${n} of ${jobId} is gone`);
  return decided;
}

/** Two reconciliations may tell of the same thing: it is booked once. */
async function refuseBookedElsewhere(tx: Transaction, jobId: string, n: number): Promise<void> {
  const { createdAt } = await readReconciliation(tx, jobId);
  await lockBookings(tx);
  const other = await selectBookedSince(tx, { jobId, n, since: createdAt });
  if (other)
    throw new AppError(
      'DIFFERENCE_BOOKED_ELSEWHERE',
      'Another reconciliation has booked of it since this one began. Reconcile again: what is left is told then.',
      { ...other },
    );
}

/** Returns the id of the adjustment. */
async function book(tx: Transaction, found: DifferenceView, merchantId: number | null): Promise<string> {
  const { deltaMinor, oursCurrency, theirsCurrency } = found;
  const currency = theirsCurrency ?? oursCurrency;
  if (deltaMinor === null || currency === null)
    throw new AppError('DIFFERENCE_NOT_BOOKABLE', 'The difference is of no amount: it can be accepted only.');
  const id = newId();
  await postAdjustment(tx, { id, deltaMinor, currency, merchantId });
  return id;
}
