import { execute, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';

/** `received`: a call came in, and failed before there was an outcome. */
export const SANDBOX_CHARGE_STATUSES = ['received', 'captured', 'declined'] as const;

/** A charge in the sandbox gateway's own tables. */
export interface SandboxCharge {
  ref: string;
  status: (typeof SANDBOX_CHARGE_STATUSES)[number];
  amountMinor: number;
  token: string;
  declineCode: string | null;
  /** Milliseconds until the outcome is known; zero or less: it is. */
  msLeft: number;
}

export interface SandboxCall {
  key: string;
  ref: string;
  amountMinor: number;
  currency: string;
  token: string;
  outcome: 'captured' | 'declined';
  declineCode: string | null;
  networkErrors: number;
  settlesInMs: number;
}

/**
 * Takes one call: the first makes the charge, later ones with the same key find it, in one statement, so that calls at the
 * same time make one charge. None: the key is known for another amount, currency or card.
 */
export function receiveCharge(on: Queryable, call: SandboxCall): Promise<SandboxCharge | undefined> {
  return maybeOne<SandboxCharge>(
    on,
    'sandbox_gateway.receive_charge',
    `insert into sandbox_gateway.charges as c
       (idempotency_key, ref, amount_minor, currency, token, status, decline_code, calls, settles_at)
     values ($1, $2, $3, $4, $5, case when $8::int > 0 then 'received' else $6::text end, $7, 1,
       clock_timestamp() + make_interval(secs => $9::float8 / 1000))
     on conflict (idempotency_key) do update
       set calls = c.calls + 1,
           status = case when c.status = 'received' and c.calls >= $8::int then $6::text else c.status end
       where c.amount_minor = excluded.amount_minor and c.currency = excluded.currency and c.token = excluded.token
     returning c.ref, c.status, c.amount_minor as "amountMinor", c.token, c.decline_code as "declineCode",
       extract(epoch from c.settles_at - clock_timestamp())::float8 * 1000 as "msLeft"`,
    [
      call.key,
      call.ref,
      call.amountMinor,
      call.currency,
      call.token,
      call.outcome,
      call.declineCode,
      call.networkErrors,
      call.settlesInMs,
    ],
  );
}

/** Ends a charge that was never made, or never got through, as declined; any other is returned as it is. */
export function abandonCharge(
  on: Queryable,
  call: Pick<SandboxCall, 'key' | 'ref' | 'amountMinor' | 'currency' | 'token' | 'declineCode'>,
): Promise<SandboxCharge | undefined> {
  return maybeOne<SandboxCharge>(
    on,
    'sandbox_gateway.abandon_charge',
    `insert into sandbox_gateway.charges as c
       (idempotency_key, ref, amount_minor, currency, token, status, decline_code)
     values ($1, $2, $3, $4, $5, 'declined', $6)
     on conflict (idempotency_key) do update
       set status = case when c.status = 'received' then 'declined' else c.status end,
           decline_code = case when c.status = 'received' then excluded.decline_code else c.decline_code end
     returning c.ref, c.status, c.amount_minor as "amountMinor", c.token, c.decline_code as "declineCode",
       extract(epoch from c.settles_at - clock_timestamp())::float8 * 1000 as "msLeft"`,
    [call.key, call.ref, call.amountMinor, call.currency, call.token, call.declineCode],
  );
}

export function selectCharge(on: Queryable, key: string): Promise<SandboxCharge | undefined> {
  return maybeOne<SandboxCharge>(
    on,
    'sandbox_gateway.charge',
    `select ref, status, amount_minor as "amountMinor", token, decline_code as "declineCode",
       extract(epoch from settles_at - clock_timestamp())::float8 * 1000 as "msLeft"
     from sandbox_gateway.charges where idempotency_key = $1`,
    [key],
  );
}

/** Refunds of one charge wait for each other here. */
export function lockCharge(tx: Transaction, ref: string): Promise<SandboxCharge | undefined> {
  return maybeOne<SandboxCharge>(
    tx,
    'sandbox_gateway.lock_charge',
    `select ref, status, amount_minor as "amountMinor", token, decline_code as "declineCode",
       extract(epoch from settles_at - clock_timestamp())::float8 * 1000 as "msLeft"
     from sandbox_gateway.charges where ref = $1 for no key update`,
    [ref],
  );
}

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

/** Writes a refund unless the charge's refunds, those that failed left out, would then exceed it; returns whether it was written. */
export async function insertSandboxRefund(tx: Transaction, refund: NewSandboxRefund): Promise<boolean> {
  const written = await execute(
    tx,
    'sandbox_gateway.insert_refund',
    `insert into sandbox_gateway.refunds (idempotency_key, ref, charge_ref, amount_minor, fails_at)
     select $1, $2, c.ref, $4, clock_timestamp() + make_interval(secs => $5::float8 / 1000) from sandbox_gateway.charges c
     where c.ref = $3 and c.amount_minor >= $4::bigint + coalesce(
       (select sum(r.amount_minor) from sandbox_gateway.refunds r
        where r.charge_ref = c.ref and (r.fails_at is null or r.fails_at > clock_timestamp())), 0)`,
    [refund.key, refund.ref, refund.chargeRef, refund.amountMinor, refund.failsInMs],
  );
  return written === 1;
}

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
    `select d.charge_ref as "chargeRef", c.idempotency_key as key, c.amount_minor as "amountMinor", c.currency,
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
