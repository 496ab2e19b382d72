import { execute, maybeOne, type Transaction } from '../../platform/database/database';

export interface SandboxRefund {
  ref: string;
  chargeRef: string;
  amountMinor: number;
  /** Milliseconds until it fails; null: it does not. */
  msLeft: number | null;
}

export function selectSandboxRefund(tx: Transaction, key: string): Promise<SandboxRefund | undefined> {
  return maybeOne<SandboxRefund>(
    tx,
    'sandbox_gateway.refund',
    `select ref, charge_ref as "chargeRef", amount_minor as "amountMinor",
       extract(epoch from fails_at - clock_timestamp())::float8 * 1000 as "msLeft"
     from sandbox_gateway.refunds where idempotency_key = $1`,
    [key],
  );
}

export interface NewSandboxRefund {
  key: string;
  ref: string;
  chargeRef: string;
  amountMinor: number;
  failsInMs: number | null;
}

/** Writes a refund unless the charge's refunds, those that failed left out, would then exceed what was captured of it; returns whether it was written. */
export async function insertSandboxRefund(tx: Transaction, refund: NewSandboxRefund): Promise<boolean> {
  const written = await execute(
    tx,
    'sandbox_gateway.insert_refund',
    `insert into sandbox_gateway.refunds (idempotency_key, ref, charge_ref, amount_minor, fails_at)
     select $1, $2, c.ref, $4, clock_timestamp() + make_interval(secs => $5::float8 / 1000) from sandbox_gateway.charges c
     where c.ref = $3 and c.captured_minor >= $4::bigint + coalesce(
       (select sum(r.amount_minor) from sandbox_gateway.refunds r
        where r.charge_ref = c.ref and (r.fails_at is null or r.fails_at > clock_timestamp())), 0)`,
    [refund.key, refund.ref, refund.chargeRef, refund.amountMinor, refund.failsInMs],
  );
  return written === 1;
}
