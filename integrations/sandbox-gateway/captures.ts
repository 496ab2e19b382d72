import { randomUUID } from 'node:crypto';
import { keyReused } from '../../domain/payments/errors';
import type { CaptureOutcome, CaptureRequest, VoidOutcome, VoidRequest } from '../../domain/payments/gateway';
import type { Transaction } from '../../platform/database/database';
import { sandboxCard } from './cards';
import { insertSandboxCapture, voidCharge, selectSandboxCapture } from './capture-queries';
import { addDispute } from './disputes';
import { keyOf } from '../numbered-key';
import { lockCharge, type SandboxCharge } from './queries';

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
  const why = captureProblem(charge, amountMinor);
  if (why !== null) return failed(why);
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

function captureProblem(charge: SandboxCharge, amountMinor: number): string | null {
  const { status, captureBefore, capturedMinor } = charge;
  if (sandboxCard(charge.token).capture === 'refused') return 'the issuer of the card refuses it';
  if (status === 'captured' || status === 'voided') return 'what was left of the authorisation is voided';
  if (status !== 'authorized') return 'the charge is not authorised';
  if (captureBefore && captureBefore.getTime() <= Date.now()) return 'the authorisation has lapsed';
  if (amountMinor > charge.amountMinor - capturedMinor)
    return `only ${charge.amountMinor - capturedMinor} minor units are left of the authorisation`;
  return null;
}

function succeeded(gatewayRef: string, endedMinor: number | null): CaptureOutcome {
  return { status: 'succeeded', gatewayRef, endedMinor };
}

function failed(reason: string): CaptureOutcome {
  return { status: 'failed', reason };
}
