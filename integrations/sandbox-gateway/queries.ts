import { maybeOne, type Queryable, type Transaction } from '../../platform/database/database';

/**
 * `received`: a call came in, and failed before there was an outcome; `voided`: what was authorised is not held any more, and nothing of it was
 * captured. One that is captured apart is `captured` when nothing more of it can be.
 */
export const SANDBOX_CHARGE_STATUSES = [
  'received',
  'requires_action',
  'authorized',
  'captured',
  'declined',
  'voided',
] as const;
type ChargeStatus = (typeof SANDBOX_CHARGE_STATUSES)[number];

/** A charge in the sandbox gateway's own tables. */
export interface SandboxCharge {
  /** The payment's id. */
  key: string;
  ref: string;
  status: ChargeStatus;
  amountMinor: number;
  currency: string;
  token: string;
  declineCode: string | null;
  capturedMinor: number;
  /** Until when it can be captured, of one that is captured apart. */
  captureBefore: Date | null;
  returnUrl: string | null;
  /** Milliseconds until the outcome is known; zero or less: it is. */
  msLeft: number;
  /** Milliseconds until its customer acts; null: never by itself. */
  actsInMs: number | null;
  /** The customer has acted, and Holdfast was not told. */
  isUntold: boolean;
}

/** The time in which it could be captured is over. */
export function hasLapsed({ captureBefore }: Pick<SandboxCharge, 'captureBefore'>): boolean {
  return captureBefore !== null && captureBefore.getTime() <= Date.now();
}

const COLUMNS = `c.idempotency_key as key, c.ref, c.status, c.amount_minor as "amountMinor", c.currency, c.token,
       c.decline_code as "declineCode", c.captured_minor as "capturedMinor", c.capture_before as "captureBefore",
       c.return_url as "returnUrl",
       extract(epoch from c.settles_at - clock_timestamp())::float8 * 1000 as "msLeft",
       extract(epoch from c.acts_at - clock_timestamp())::float8 * 1000 as "actsInMs",
       coalesce(c.acts_at <= clock_timestamp() and c.told_at is null, false) as "isUntold"`;

export interface SandboxCall {
  key: string;
  ref: string;
  amountMinor: number;
  currency: string;
  token: string;
  /** What becomes of it where no call of it fails. */
  outcome: Extract<ChargeStatus, 'requires_action' | 'authorized' | 'captured' | 'declined'>;
  declineCode: string | null;
  networkErrors: number;
  settlesInMs: number;
  captureLater: boolean;
  /** How long it can be captured, of one that is captured apart. */
  authorizationSeconds: number;
  /** Null: its customer never acts by itself. */
  actsInMs: number | null;
  returnUrl: string | null;
}

/**
 * Takes one call: the first makes the charge, later ones with the same key find it, in one statement, so that calls at the
 * same time make one charge. None: the key is known for another charge.
 */
export function receiveCharge(on: Queryable, call: SandboxCall): Promise<SandboxCharge | undefined> {
  return maybeOne<SandboxCharge>(
    on,
    'sandbox_gateway.receive_charge',
    `insert into sandbox_gateway.charges as c
       (idempotency_key, ref, amount_minor, currency, token, status, decline_code, calls, settles_at, capture_later, captured_minor,
        capture_before, acts_at, return_url)
     values ($1, $2, $3, $4, $5, case when $8::int > 0 then 'received' else $6::text end, $7, 1,
       clock_timestamp() + make_interval(secs => $9::float8 / 1000), $10::bool,
       case when $8::int = 0 and $6::text = 'captured' then $3::bigint else 0 end,
       case when $10::bool then clock_timestamp() + make_interval(secs => $11::float8) end,
       clock_timestamp() + make_interval(secs => $12::float8 / 1000), $13)
     on conflict (idempotency_key) do update
       set calls = c.calls + 1,
           status = case when c.status = 'received' and c.calls >= $8::int then $6::text else c.status end,
           captured_minor = case when c.status = 'received' and c.calls >= $8::int and $6::text = 'captured' then c.amount_minor
                                 else c.captured_minor end
       where c.amount_minor = excluded.amount_minor and c.currency = excluded.currency and c.token = excluded.token
         and c.capture_later = excluded.capture_later
     returning ${COLUMNS}`,
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
      call.captureLater,
      call.authorizationSeconds,
      call.actsInMs,
      call.returnUrl,
    ],
  );
}

/**
 * Ends a charge that was never made, never got through, or whose customer has not authenticated, as declined; any other is returned as
 * it is.
 */
export function abandonCharge(
  on: Queryable,
  call: Pick<
    SandboxCall,
    'key' | 'ref' | 'amountMinor' | 'currency' | 'token' | 'declineCode' | 'captureLater'
  >,
): Promise<SandboxCharge | undefined> {
  return maybeOne<SandboxCharge>(
    on,
    'sandbox_gateway.abandon_charge',
    `insert into sandbox_gateway.charges as c
       (idempotency_key, ref, amount_minor, currency, token, status, decline_code, capture_later)
     values ($1, $2, $3, $4, $5, 'declined', $6, $7)
     on conflict (idempotency_key) do update
       set status = case when c.status in ('received', 'requires_action') then 'declined' else c.status end,
           decline_code = case when c.status in ('received', 'requires_action') then excluded.decline_code else c.decline_code end,
           acts_at = case when c.status = 'requires_action' then null else c.acts_at end,
           return_url = null
     returning ${COLUMNS}`,
    [call.key, call.ref, call.amountMinor, call.currency, call.token, call.declineCode, call.captureLater],
  );
}

export function selectCharge(on: Queryable, key: string): Promise<SandboxCharge | undefined> {
  return maybeOne<SandboxCharge>(
    on,
    'sandbox_gateway.charge',
    `select ${COLUMNS} from sandbox_gateway.charges c where c.idempotency_key = $1`,
    [key],
  );
}

export function selectChargeByRef(on: Queryable, ref: string): Promise<SandboxCharge | undefined> {
  return maybeOne<SandboxCharge>(
    on,
    'sandbox_gateway.charge_by_ref',
    `select ${COLUMNS} from sandbox_gateway.charges c where c.ref = $1`,
    [ref],
  );
}

/** Captures and refunds of one charge wait for each other here. */
export function lockCharge(tx: Transaction, ref: string): Promise<SandboxCharge | undefined> {
  return maybeOne<SandboxCharge>(
    tx,
    'sandbox_gateway.lock_charge',
    `select ${COLUMNS} from sandbox_gateway.charges c where c.ref = $1 for no key update`,
    [ref],
  );
}
