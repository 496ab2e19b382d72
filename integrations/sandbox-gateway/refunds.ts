import { randomUUID } from 'node:crypto';
import { keyReused, refundExceedsCapture, refundFailed } from '../../domain/payments/errors';
import type { RefundOutcome, RefundRequest } from '../../domain/payments/gateway';
import type { Queryable, Transaction } from '../../platform/database/database';
import { sandboxCard } from './cards';
import { keyOf } from '../numbered-key';
import { lockCharge } from './queries';
import {
  insertSandboxRefund,
  selectSandboxRefund,
  selectSandboxRefunds,
  type SandboxRefund,
} from './refund-queries';

/**
 * Gives back what was captured, once for each key.
 *
 * @throws `REFUND_FAILED` of a charge of which nothing was captured; `REFUND_EXCEEDS_CAPTURE`; `PAYMENT_KEY_REUSED`
 */
export async function makeRefund(
  tx: Transaction,
  request: RefundRequest,
  slowMs: number,
): Promise<RefundOutcome> {
  const charge = await lockCharge(tx, request.gatewayRef);
  if (!charge || charge.msLeft > 0 || charge.capturedMinor === 0)
    throw refundFailed('there is no such captured charge.');
  const { amountMinor } = request;
  const key = keyOf(request.refundId, request.keyNumber);
  const known = await selectSandboxRefund(tx, key);
  if (known) {
    if (known.chargeRef !== charge.ref || known.amountMinor !== amountMinor) throw keyReused(key);
    return asOutcome(known);
  }
  const card = sandboxCard(charge.token);
  if (card.refund === 'refused')
    return { status: 'failed', gatewayRef: null, reason: 'the card account is closed' };
  const ref = `sandbox_re_${randomUUID()}`;
  const failsInMs = card.refund === 'fails-later' ? slowMs : null;
  if (!(await insertSandboxRefund(tx, { key, ref, chargeRef: charge.ref, amountMinor, failsInMs })))
    throw refundExceedsCapture();
  return asOutcome({ ref, msLeft: failsInMs });
}

/** What became of a refund under any number of its key up to this one; null: none was made. */
export async function findRefund(
  on: Queryable,
  { refundId, keyNumber }: RefundRequest,
): Promise<RefundOutcome | null> {
  const keys = Array.from({ length: keyNumber }, (_, index) => keyOf(refundId, index + 1));
  const found = (await selectSandboxRefunds(on, keys)).map(asOutcome);
  return found.find(({ status }) => status !== 'failed') ?? found[0] ?? null;
}

function asOutcome({ ref: gatewayRef, msLeft }: Pick<SandboxRefund, 'ref' | 'msLeft'>): RefundOutcome {
  if (msLeft === null) return { status: 'succeeded', gatewayRef };
  if (msLeft > 0) return { status: 'pending', gatewayRef };
  return { status: 'failed', gatewayRef, reason: 'the bank of the customer returned it' };
}
