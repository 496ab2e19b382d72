import { randomUUID } from 'node:crypto';
import { keyReused } from '../../domain/payments/errors';
import type { CaptureOutcome, CaptureRequest, VoidOutcome, VoidRequest } from '../../domain/payments/gateway';
import type { Transaction } from '../../platform/database/database';
import { sandboxCard } from './cards';
import { insertSandboxCapture, voidCharge, selectSandboxCapture } from './capture-queries';
import { addDispute } from './disputes';
import { keyOf } from '../numbered-key';
import { hasLapsed, lockCharge, type SandboxCharge } from './queries';

/**
 * Takes money of an authorised charge, once for each key.
 *
 * @param disputeAfterMs when a charge is disputed whose customer does so
 * @returns also whether it will be
 */
export async function makeCapture(
  tx: Transaction,
  request: CaptureRequest,
  disputeAfterMs: number,
): Promise<{ outcome: CaptureOutcome; isDisputed: boolean }> {
  const charge = await lockCharge(tx, request.gatewayRef);
  const outcome = charge ? await captureOf(tx, charge, request) : failed('there is no such charge');
  const isDisputed = outcome.status === 'succeeded' && sandboxCard(charge?.token ?? '').isDisputed;
  if (isDisputed) await addDispute(tx, request.gatewayRef, disputeAfterMs);
  return { outcome, isDisputed };
}

async function captureOf(
  tx: Transaction,
  charge: SandboxCharge,
  { captureId, keyNumber, amountMinor, isFinal }: CaptureRequest,
): Promise<CaptureOutcome> {
  const key = keyOf(captureId, keyNumber);
  const known = await selectSandboxCapture(tx, key);
  if (known) {
    if (known.chargeRef !== charge.ref || known.amountMinor !== amountMinor) throw keyReused(key);
    return succeeded(known.ref, charge.status === 'captured' ? charge.capturedMinor : null);
  }
  const problem = captureProblem(charge, amountMinor);
  if (problem) return { status: 'failed', ...problem };
  const ref = `sandbox_ca_${randomUUID()}`;
  await insertSandboxCapture(tx, { key, ref, chargeRef: charge.ref, amountMinor, isFinal });
  const capturedMinor = charge.capturedMinor + amountMinor;
  return succeeded(ref, isFinal || capturedMinor === charge.amountMinor ? capturedMinor : null);
}

/** Voids what is left of an authorised charge. One that is not authorised, or not any more, is left as it is. */
export async function makeVoid(tx: Transaction, { gatewayRef }: VoidRequest): Promise<VoidOutcome> {
  const charge = await lockCharge(tx, gatewayRef);
  const capturedMinor =
    charge?.status === 'authorized' ? await voidCharge(tx, charge.ref) : (charge?.capturedMinor ?? 0);
  return { status: 'voided', capturedMinor };
}

function captureProblem(
  charge: SandboxCharge,
  amountMinor: number,
): Pick<CaptureOutcome & { status: 'failed' }, 'reason' | 'isGone'> | null {
  const { status, capturedMinor } = charge;
  if (status === 'captured' || status === 'voided')
    return { reason: 'what was left of the authorisation is voided', isGone: true };
  if (status === 'authorized' && hasLapsed(charge))
    return { reason: 'the authorisation has lapsed', isGone: true };
  if (sandboxCard(charge.token).capture === 'refused') return { reason: 'the issuer of the card refuses it' };
  if (status !== 'authorized') return { reason: 'the charge is not authorised' };
  if (amountMinor > charge.amountMinor - capturedMinor)
    return { reason: `only ${charge.amountMinor - capturedMinor} minor units are left of the authorisation` };
  return null;
}

function succeeded(gatewayRef: string, endedMinor: number | null): CaptureOutcome {
  return { status: 'succeeded', gatewayRef, endedMinor };
}

function failed(reason: string): CaptureOutcome {
  return { status: 'failed', reason };
}
