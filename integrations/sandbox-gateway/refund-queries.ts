import { execute, many, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';

export interface SandboxRefund {
  ref: string;
  chargeRef: string;
  amountMinor: number;
  /** Milliseconds until it fails; null: it does not. */
  msLeft: number | null;
}

const COLUMNS = `ref, charge_ref as "chargeRef", amount_minor as "amountMinor",
       extract(epoch from fails_at - clock_timestamp())::float8 * 1000 as "msLeft"`;

export function selectSandboxRefund(tx: Transaction, key: string): Promise<SandboxRefund | undefined> {
  return maybeOne<SandboxRefund>(
    tx,
    'sandbox_gateway.refund',
    `select ${COLUMNS} from sandbox_gateway.refunds where idempotency_key = $1`,
    [key],
  );
}

/** Under any of these keys, the latest first. */
export function selectSandboxRefunds(on: Queryable, keys: readonly string[]): Promise<SandboxRefund[]> {
  return many<SandboxRefund>(
    on,
    'sandbox_gateway.refunds_of_keys',
    `select ${COLUMNS} from sandbox_gateway.refunds where idempotency_key = any ($1::text[]) order by created_at desc, ref`,
    [keys],
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
