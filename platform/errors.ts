/**
 * What went wrong, as data. Classes do not survive Temporal's serialisation, so `code` is what everybody switches on:
 * the API maps it to a status, activities to "retry" or "do not".
 */
export class AppError extends Error {
  override readonly name = 'AppError';

  constructor(
    /** Stable upper-case word, part of the public contract. */
    readonly code: string,
    message: string,
    /** Whatever the caller needs to act on it; becomes members of the problem document. */
    readonly details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export function isAppError(error: unknown, code?: string): error is AppError {
  return error instanceof AppError && (code === undefined || error.code === code);
}

/** What anything that was thrown says. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Anything that was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The same with its stack, where it has one: of an error that nobody expected. */
export function stackOf(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}

/** All wrong settings in one message, one per line. */
export function configError(problems: readonly string[]): AppError {
  return new AppError('CONFIG_INVALID', `Invalid settings:\n  ${problems.join('\n  ')}`, { problems });
}

interface DatabaseErrorFields {
  code?: unknown;
  constraint?: unknown;
}

function fields(error: unknown): DatabaseErrorFields {
  return typeof error === 'object' && error !== null ? error : {};
}

/** Five-character SQLSTATE of a PostgreSQL error, else undefined. */
export function sqlState(error: unknown): string | undefined {
  const { code } = fields(error);
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Name of the constraint that a statement violated, where it has one. */
export function constraintOf(error: unknown): string | undefined {
  const { constraint } = fields(error);
  return typeof constraint === 'string' ? constraint : undefined;
}

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);
/**
 * Besides 08xxx: the server shuts down, crashed or starts up; too many connections; a session that the server ended for
 * idling, as a process that was paused finds it.
 */
const CONNECTION_STATES = new Set(['57P01', '57P02', '57P03', '57P05', '53300', '25P03', '25P04']);
const CONNECTION_MESSAGES =
  /Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|^timeout expired$|Client was closed|server closed the connection|Connection ended/i;

/** True when the connection, not the statement, failed: whether the work was committed is then unknown. */
export function isLostConnection(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined && (/^08/.test(state) || CONNECTION_STATES.has(state))) return true;
  const { code } = fields(error);
  if (typeof code === 'string' && CONNECTION_CODES.has(code)) return true;
  return error instanceof Error && CONNECTION_MESSAGES.test(error.message);
}

/** Another transaction held a row for longer than `lock_timeout`. */
export function isLockTimeout(error: unknown): boolean {
  return sqlState(error) === '55P03';
}

/** Of class 22 what our own statements do wrong, whatever they are given: a division by zero, a null where none may be. */
const OWN_DATA_EXCEPTIONS = new Set(['22012', '22004']);

/** PostgreSQL cannot keep or compare a value: out of range, no such time, a NUL in a text. */
export function isRefusedValue(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && state.startsWith('22') && !OWN_DATA_EXCEPTIONS.has(state);
}

/** What was to be written is there already. */
export function isUniqueViolation(error: unknown): boolean {
  return sqlState(error) === '23505';
}

/** Serialisation failure, deadlock victim, lock timeout or lost connection: the same transaction may succeed now. */
export function isRetryable(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40001' || state === '40P01' || state === '55P03' || isLostConnection(error);
}

/**
 * True when an error belongs to what a transaction was about: the same again fails again, and another subject may succeed.
 * Of PostgreSQL's errors these are bad values (class 22), violated constraints (23) and errors that our own functions raise
 * (P0); and our own errors with a code. Not the server, the schema or the connection, which fail every subject alike. A check
 * violation without the name of a constraint is a row for which no partition exists yet: that passes. What our own functions
 * raise has a name (`using constraint = …`).
 */
export function isSubjectsOwn(error: unknown): boolean {
  const state = sqlState(error);
  if (state === undefined) return isAppError(error);
  if (state === '23514' && constraintOf(error) === undefined) return false;
  return ['22', '23', 'P0'].includes(state.slice(0, 2));
}

/** Names of constraints → what their violation means to a caller. The one place where the two meet. */
const CONSTRAINT_ERRORS: Readonly<Record<string, { code: string; message: string }>> = {
  stock_on_hand_covers_reserved: {
    code: 'BELOW_RESERVED',
    message: 'That would leave less stock on hand than is reserved.',
  },
  stock_on_hand_not_negative: { code: 'WOULD_GO_NEGATIVE', message: 'That would take stock below zero.' },
  stock_reserved_not_negative: {
    code: 'WOULD_GO_NEGATIVE',
    message: 'That would release more than is reserved.',
  },
  receipts_once_per_reference: {
    code: 'DUPLICATE_RECEIPT',
    message: 'A delivery with this reference of this supplier was received before.',
  },
  user_profiles_email: { code: 'EMAIL_TAKEN', message: 'Another account has this e-mail address.' },
  serials_unique_per_product: {
    code: 'DUPLICATE_SERIAL',
    message: 'The product already has one of these serial numbers.',
  },
  lots_cover_on_hand: {
    code: 'LOT_BLOCKED',
    message: 'Too few units may leave: the others are recalled, on hold or have expired.',
  },
  serials_cover_on_hand: {
    code: 'SERIAL_BLOCKED',
    message: 'Too few units may leave: the others are on quality hold.',
  },
  ledger_keys_pkey: { code: 'ALREADY_APPLIED', message: 'This effect is already in the ledger.' },
  payments_one_in_flight: {
    code: 'PAYMENT_IN_PROGRESS',
    message: 'Another payment of this order is in progress.',
  },
  payments_one_per_reservation: { code: 'ALREADY_PAID', message: 'This hold is already paid.' },
  refunds_within_capture: {
    code: 'REFUND_EXCEEDS_CAPTURE',
    message: 'A refund may not exceed what was captured.',
  },
  services_one_adopts: {
    code: 'ADOPTED_BY_ANOTHER',
    message: 'Another service has what anonymous made.',
  },
};

/** A constraint violation as its typed error; any other error unchanged. */
export function translateDatabaseError(error: unknown): unknown {
  const constraint = constraintOf(error);
  const known = constraint === undefined ? undefined : CONSTRAINT_ERRORS[constraint];
  return known ? new AppError(known.code, known.message, {}, { cause: error }) : error;
}
