import { execute, maybeOne, one, type Transaction } from '../../platform/database/database';

export interface SandboxCapture {
  ref: string;
  chargeRef: string;
  amountMinor: number;
}

export function selectSandboxCapture(tx: Transaction, key: string): Promise<SandboxCapture | undefined> {
  return maybeOne<SandboxCapture>(
    tx,
    'sandbox_gateway.capture',
    `select ref, charge_ref as "chargeRef", amount_minor as "amountMinor"
     from sandbox_gateway.captures where idempotency_key = $1`,
    [key],
  );
}

/** Takes money of a charge that the caller has locked and found to have it. A final one, or one that takes the rest, ends the charge. */
export async function insertSandboxCapture(
  tx: Transaction,
  capture: SandboxCapture & { key: string; isFinal: boolean },
): Promise<void> {
  await execute(
    tx,
    'sandbox_gateway.insert_capture',
    `with made as (
       insert into sandbox_gateway.captures (idempotency_key, ref, charge_ref, amount_minor) values ($1, $2, $3, $4)
     )
     update sandbox_gateway.charges
     set captured_minor = captured_minor + $4::bigint,
         status = case when $5::bool or captured_minor + $4::bigint = amount_minor then 'captured' else status end
     where ref = $3`,
    [capture.key, capture.ref, capture.chargeRef, capture.amountMinor, capture.isFinal],
  );
}

/** Ends a charge that the caller has locked and found authorised. Returns what was captured of it. */
export async function voidCharge(tx: Transaction, ref: string): Promise<number> {
  const { capturedMinor } = await one<{ capturedMinor: number }>(
    tx,
    'sandbox_gateway.void_charge',
    `update sandbox_gateway.charges set status = case when captured_minor > 0 then 'captured' else 'voided' end
     where ref = $1 returning captured_minor as "capturedMinor"`,
    [ref],
  );
  return capturedMinor;
}
