import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { pageIn, type Page, type PageRequest } from '../../platform/database/pages';
import { AppError } from '../../platform/errors';
import { recordChange } from '../audit/record';
import { knownMerchantId } from '../catalog/edit-merchants';
import { cutOf } from '../money/cut';
import { onlyCurrency } from '../money/only-currency';
import { postPayout } from '../money/posting';
import type { PayoutKind } from '../money/types';
import {
  insertPayout,
  isFuture,
  lockPayouts,
  selectByReference,
  selectCurrencies,
  selectOpen,
  selectPayout,
  selectPayouts,
  updateApproved,
  updateCancelled,
  updatePaid,
  type PayoutRow,
} from './queries';
import type { PayoutApproval, PayoutStatus, PayoutView } from './types';

/** What a merchant is owed may be more rows than can be summed in the time of a statement of the pool. */
const LONG = { outsidePool: true } as const;

/** Null: no such payout. */
export async function readPayout(on: Queryable, id: string): Promise<PayoutView | null> {
  const found = await selectPayout(on, id);
  return found ? viewOf(found) : null;
}

/**
 * A page of payouts, the newest first.
 *
 * @throws AppError `UNKNOWN_MERCHANT`
 */
export async function listPayouts(
  db: Database,
  filter: PageRequest & { merchant?: string | undefined; status?: PayoutStatus | undefined },
): Promise<Page<PayoutView>> {
  const merchantId = filter.merchant === undefined ? undefined : await knownMerchantId(db, filter.merchant);
  return pageIn(await selectPayouts(db, { ...filter, merchantId }), filter.limit, viewOf);
}

export interface NewPayout {
  /** The same again is the same payout. */
  id: string;
  merchant: string;
  /** ISO 4217; null: the only one that the merchant has. */
  currency: string | null;
  actor: string;
}

/**
 * Makes a payout of all that a merchant is owed in a currency and no payout has: what is committed now. It is set aside in the money ledger.
 * What comes later, such as a refund of what was paid out, is in the next one; so is all of it where it comes to nothing or less.
 *
 * @throws AppError `UNKNOWN_MERCHANT`; `CURRENCY_REQUIRED` with `currencies`; `PAYOUT_OPEN` with `payoutId`: the one before is neither paid
 * nor cancelled; `NOTHING_TO_PAY_OUT` with `balanceMinor` and `currency`
 */
export function createPayout(
  db: Database,
  { id, merchant, currency, actor }: NewPayout,
): Promise<PayoutView> {
  return db.retrying(async (tx) => {
    await lockPayouts(tx);
    const made = await selectPayout(tx, id);
    if (made) return viewOf(made);
    const merchantId = await knownMerchantId(tx, merchant);
    const of = currency ?? (await currencyOf(tx, merchant, merchantId));
    const open = await selectOpen(tx, merchantId, of);
    if (open !== undefined)
      throw new AppError(
        'PAYOUT_OPEN',
        `${merchant} has a payout of ${of} that is neither paid nor cancelled.`,
        {
          payoutId: open,
        },
      );
    const owed = await insertPayout(tx, { id, merchantId, currency: of, actor }, await cutOf(tx));
    if (owed.minor <= 0) throw nothingToPay(merchant, of, owed.minor);
    await post(tx, await existing(tx, id), 'payout_pending');
    return changed(tx, id, { actor, action: 'payout.created' });
  }, LONG);
}

async function currencyOf(tx: Transaction, merchant: string, merchantId: number): Promise<string> {
  const only = onlyCurrency('payout', await selectCurrencies(tx, merchantId));
  if (only === undefined) throw nothingToPay(merchant, null, 0);
  return only;
}

function nothingToPay(merchant: string, currency: string | null, balanceMinor: number | bigint): AppError {
  return new AppError(
    'NOTHING_TO_PAY_OUT',
    `Nothing is owed to ${merchant}. What there is stays for the next payout.`,
    {
      balanceMinor,
      currency,
    },
  );
}

/**
 * Approves a payout. One that is approved or paid stays as it is.
 *
 * @param by.approval who may: of `second_person` not who made it
 * @throws AppError `PAYOUT_NOT_FOUND`, `SECOND_PERSON_REQUIRED`, `PAYOUT_CANCELLED`
 */
export function approvePayout(
  db: Database,
  id: string,
  { actor, approval }: { actor: string; approval: PayoutApproval },
): Promise<PayoutView> {
  return db.retrying(async (tx) => {
    const payout = await locked(tx, id);
    if (payout.status === 'cancelled') throw cancelled();
    if (payout.status !== 'pending') return viewOf(payout);
    if (approval === 'second_person' && payout.createdBy === actor)
      throw new AppError('SECOND_PERSON_REQUIRED', 'Who made a payout may not approve it.');
    await updateApproved(tx, id, actor);
    return changed(tx, id, { actor, action: 'payout.approved', before: payout });
  });
}

/**
 * Says that the bank has made the transfer of an approved payout. The same reference again changes nothing.
 *
 * @param paid.paidOn the bank's day, `YYYY-MM-DD`; null: today
 * @throws AppError `PAYOUT_NOT_FOUND`, `PAYOUT_CANCELLED`, `PAYOUT_NOT_APPROVED`; `PAYOUT_PAID` with `reference`: by another transfer;
 * `PAYOUT_REFERENCE_USED` with `payoutId`: the transfer has paid another one; `ASOF_IN_FUTURE`: `paidOn` has not come yet
 */
export function markPaid(
  db: Database,
  id: string,
  { reference, paidOn, actor }: { reference: string; paidOn: string | null; actor: string },
): Promise<PayoutView> {
  return db.retrying(async (tx) => {
    const payout = await locked(tx, id);
    if (payout.status === 'cancelled') throw cancelled();
    if (payout.status === 'pending')
      throw new AppError('PAYOUT_NOT_APPROVED', 'The payout is not approved yet.');
    if (payout.status === 'paid') {
      if (payout.reference === reference) return viewOf(payout);
      throw new AppError('PAYOUT_PAID', 'The payout was paid by another transfer.', {
        reference: payout.reference,
      });
    }
    const other = await selectByReference(tx, reference);
    if (other !== undefined)
      throw new AppError('PAYOUT_REFERENCE_USED', 'This transfer has paid another payout.', {
        payoutId: other,
      });
    // It stays as it is, and no statement of a bank would ever have it.
    if (paidOn !== null && (await isFuture(tx, paidOn)))
      throw new AppError('ASOF_IN_FUTURE', `${paidOn} has not come yet.`);
    await updatePaid(tx, { id, reference, paidOn, actor });
    await post(tx, payout, 'payout');
    return changed(tx, id, { actor, action: 'payout.paid', before: payout });
  });
}

/**
 * Cancels a payout that is not paid: what it was about is owed again, and is in the next one. Again, it changes nothing.
 *
 * @throws AppError `PAYOUT_NOT_FOUND`; `PAYOUT_PAID` with `reference`
 */
export function cancelPayout(
  db: Database,
  id: string,
  { reason, actor }: { reason: string; actor: string },
): Promise<PayoutView> {
  return db.retrying(async (tx) => {
    const payout = await locked(tx, id);
    if (payout.status === 'cancelled') return viewOf(payout);
    if (payout.status === 'paid')
      throw new AppError('PAYOUT_PAID', 'The payout was paid.', { reference: payout.reference });
    await updateCancelled(tx, { id, reason, actor });
    await post(tx, payout, 'payout_voided');
    return changed(tx, id, { actor, action: 'payout.cancelled', before: payout });
  });
}

function cancelled(): AppError {
  return new AppError('PAYOUT_CANCELLED', 'The payout was cancelled. Make a new one.');
}

async function locked(tx: Transaction, id: string): Promise<PayoutRow> {
  await lockPayouts(tx);
  return existing(tx, id);
}

async function existing(tx: Transaction, id: string): Promise<PayoutRow> {
  const found = await selectPayout(tx, id);
  if (!found) throw new AppError('PAYOUT_NOT_FOUND', 'There is no such payout.');
  return found;
}

async function post(tx: Transaction, payout: PayoutRow, kind: PayoutKind): Promise<void> {
  const { id: payoutId, merchantId, amountMinor, currency } = payout;
  await postPayout(tx, { payoutId, kind, merchantId, amountMinor, currency });
}

/** The payout as it is now, and in the audit log what changed of it. */
async function changed(
  tx: Transaction,
  id: string,
  { actor, action, before }: { actor: string; action: `payout.${string}`; before?: PayoutRow },
): Promise<PayoutView> {
  const payout = await existing(tx, id);
  const after = auditOf(payout);
  await recordChange(tx, {
    actor,
    action,
    subject: { type: 'payout', id },
    ...(before ? { before: auditOf(before) } : {}),
    after: {
      merchant: payout.merchant,
      currency: payout.currency,
      amountMinor: payout.amountMinor,
      ...after,
    },
  });
  return viewOf(payout);
}

function auditOf({ status, reference }: PayoutRow) {
  return { status, reference };
}

function viewOf({ merchantId: _merchant, createdAtMicros: _micros, ...view }: PayoutRow): PayoutView {
  return view;
}
