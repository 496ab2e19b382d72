import { execute, maybeOne, type Queryable } from '../../platform/database/database';

/** A charge is disputed after so many milliseconds. Again, it changes nothing. */
export function insertSandboxDispute(on: Queryable, chargeRef: string, afterMs: number): Promise<number> {
  return execute(
    on,
    'sandbox_gateway.insert_dispute',
    `insert into sandbox_gateway.disputes (charge_ref, due_at)
     values ($1, clock_timestamp() + make_interval(secs => $2::float8 / 1000)) on conflict do nothing`,
    [chargeRef, afterMs],
  );
}

export interface SandboxDispute {
  chargeRef: string;
  /** Of the charge: the payment's id. */
  key: string;
  /** What was captured of the charge. */
  amountMinor: number;
  currency: string;
  /** Milliseconds until it appears; zero or less: it has. */
  msLeft: number;
}

/** The dispute that appears next, of those that Holdfast was not told of. */
export function selectNextDispute(on: Queryable): Promise<SandboxDispute | undefined> {
  return maybeOne<SandboxDispute>(
    on,
    'sandbox_gateway.next_dispute',
    `select d.charge_ref as "chargeRef", c.idempotency_key as key, c.captured_minor as "amountMinor", c.currency,
       extract(epoch from d.due_at - clock_timestamp())::float8 * 1000 as "msLeft"
     from sandbox_gateway.disputes d join sandbox_gateway.charges c on c.ref = d.charge_ref
     where not d.is_told order by d.due_at limit 1`,
    [],
  );
}

export function updateDisputeTold(on: Queryable, chargeRef: string): Promise<number> {
  return execute(
    on,
    'sandbox_gateway.dispute_told',
    'update sandbox_gateway.disputes set is_told = true where charge_ref = $1',
    [chargeRef],
  );
}
