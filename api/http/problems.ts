import { AppError, isAppError, isRefusedValue, isRetryable } from '../../platform/errors';

interface ProblemKind {
  status: number;
  title: string;
  /** Seconds after which the same request may succeed. */
  retryAfter?: number;
}

/** Every code a response can carry, with its status. Codes are the public contract; titles and details are for people. */
export const PROBLEMS = {
  BAD_REQUEST: { status: 400, title: 'The request cannot be understood' },
  MALFORMED_JSON: { status: 400, title: 'The body is not valid JSON' },
  NOT_SIGNED_IN: { status: 401, title: 'This needs a sign-in' },
  SIGN_IN_FAILED: { status: 401, title: 'The sign-in failed' },
  SIGN_IN_NOT_RECENT: { status: 401, title: 'This needs a sign-in of just now' },
  SESSION_ENDED: { status: 401, title: 'The session has ended' },
  NOT_ALLOWED: { status: 403, title: 'This is not allowed to you' },
  MEMBERS_NOT_ALLOWED: { status: 403, title: 'Members of the request are for staff and services' },
  SECOND_PERSON_REQUIRED: { status: 403, title: 'Somebody else is to approve this' },
  CONFIRMATION_UNPROVEN: { status: 403, title: 'It is not shown that the account is yours' },
  SIGNATURE_MISSING: { status: 401, title: 'The request is not signed' },
  SIGNATURE_INVALID: { status: 401, title: 'The signature is not by a secret that is set' },
  SIGNATURE_EXPIRED: { status: 401, title: 'The request was signed too long ago, or ahead of time' },
  PAYMENT_DECLINED: { status: 402, title: 'The payment was declined' },
  CROSS_SITE_REQUEST: { status: 403, title: 'The request comes from a page of another site' },
  HOST_NOT_SERVED: { status: 421, title: 'This host name is not served here' },
  EVENTS_EXPIRED: { status: 410, title: 'Events after this position are kept no more' },
  NOT_FOUND: { status: 404, title: 'There is no such thing' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'This method is not allowed here' },
  OUT_OF_STOCK: { status: 409, title: 'There is not enough stock' },
  BACKORDER_LIMIT: { status: 409, title: 'Too many units would wait for stock' },
  ORDER_FAILED: { status: 409, title: 'The order was undone' },
  ORDER_NOT_PAYABLE: { status: 409, title: 'The order cannot be paid' },
  HOLD_EXPIRED: { status: 409, title: 'The hold has expired' },
  HOLD_RELEASED: { status: 409, title: 'The hold was released' },
  HOLD_CONFIRMED: { status: 409, title: 'The hold is confirmed' },
  HOLD_NOT_CONFIRMED: { status: 409, title: 'The hold is not confirmed' },
  HOLD_OF_ORDER: { status: 409, title: 'The hold belongs to an order' },
  HOLD_OF_SEVERAL_SKUS: { status: 409, title: 'The hold is on several SKUs' },
  REFERENCE_REUSED: { status: 409, title: 'The reference names another hold' },
  HOLD_EMPTY: { status: 409, title: 'The hold would keep nothing' },
  EXCEEDS_HOLD: { status: 409, title: 'The hold keeps fewer units' },
  NOT_LATER: { status: 409, title: 'The hold falls due later already' },
  ALREADY_SHIPPED: { status: 409, title: 'The units have left' },
  PAYMENT_IN_PROGRESS: { status: 409, title: 'Another payment is in progress', retryAfter: 1 },
  AMENDMENT_IN_PROGRESS: { status: 409, title: 'Something else of the order is under way', retryAfter: 1 },
  PAYMENT_ATTEMPTS_EXCEEDED: {
    status: 429,
    title: 'The order was charged too often',
    retryAfter: 900,
  },
  AMENDMENTS_EXCEEDED: { status: 429, title: 'The order was amended too often', retryAfter: 900 },
  PAYMENT_DECIDED: { status: 409, title: 'The payment has another outcome' },
  PAYMENT_HOLDS_STOCK: { status: 409, title: 'Stock is reserved for the payment' },
  REFERENCE_REQUIRED: { status: 422, title: 'A reference is needed' },
  NOT_REFUNDABLE: { status: 409, title: 'No money is left that could go back' },
  REFUND_EXCEEDS_CAPTURE: { status: 409, title: 'More would go back than is left of the payment' },
  REFUND_MADE: { status: 409, title: 'The money went back' },
  REFUND_UNDER_WAY: { status: 409, title: 'The gateway has the refund and has not finished' },
  REFUND_SETTLED: { status: 409, title: 'The refund was settled by hand' },
  CAPTURE_MADE: { status: 409, title: 'The money was taken' },
  CAPTURE_UNDER_WAY: { status: 409, title: 'The gateway was asked for the capture just now', retryAfter: 10 },
  CAPTURE_SETTLED: { status: 409, title: 'The capture was settled by hand' },
  PAYMENT_AMBIGUOUS: { status: 422, title: 'Several payments have money left' },
  NOT_IN_REVIEW: { status: 409, title: 'The order is not waiting for this decision' },
  NOT_CANCELLABLE: { status: 409, title: 'The order can no longer be cancelled' },
  STATUS_NOT_ALLOWED: { status: 409, title: 'The order does not come to this status by hand' },
  ORDER_ERASED: { status: 409, title: 'The customer of the order was erased' },
  TAGS_EXCEEDED: { status: 409, title: 'The order has as many tags as it may' },
  NOT_AMENDABLE: { status: 409, title: 'The order cannot be amended now' },
  PRICE_CHANGED: { status: 409, title: 'The product has another price by now' },
  BATCH_REJECTED: { status: 409, title: 'Not every update of the batch can be applied' },
  TRANSFER_NOT_OPEN: { status: 409, title: 'The transfer has ended' },
  OVER_RECEIPT: { status: 409, title: 'More than is on its way' },
  WOULD_GO_NEGATIVE: { status: 409, title: 'Stock would go below zero' },
  ON_HAND_CHANGED: { status: 409, title: 'Another number is on hand than was expected' },
  WAREHOUSE_NOT_CLOSED: { status: 409, title: 'The warehouse is not closed' },
  BELOW_RESERVED: { status: 409, title: 'Less would be on hand than is reserved' },
  SERVICE_HAS_OTHER_ROLE: { status: 409, title: 'The service has another role' },
  ORDERS_OPEN: { status: 409, title: 'Something of the orders is still to be done' },
  EMAIL_TAKEN: { status: 409, title: 'Another account has this e-mail address' },
  UNPAID_LIMIT: { status: 409, title: 'Too much of the customer is not paid for' },
  LAST_ADMIN: { status: 409, title: 'Nobody would be left who is an admin' },
  KEY_ENDED: { status: 409, title: 'The key has ended' },
  KEY_ROTATED: { status: 409, title: 'Another key has taken its place' },
  DUPLICATE_NAME: { status: 409, title: 'Another has this name' },
  SKU_UNCLEAR: { status: 422, title: 'People could not tell the SKU from another one' },
  PRECONDITION_FAILED: { status: 412, title: 'It was changed meanwhile' },
  PRECONDITION_REQUIRED: { status: 428, title: 'It is not said what was read' },
  REQUEST_TIMEOUT: { status: 408, title: 'The body did not come in time' },
  HEADERS_TOO_LARGE: { status: 431, title: 'The headers are too large' },
  UPGRADE_REQUIRED: { status: 426, title: 'This is for WebSockets' },
  RATE_LIMITED: { status: 429, title: 'This caller asks too often' },
  TOO_MANY_STREAMS: { status: 429, title: 'This caller has too many streams open', retryAfter: 10 },
  UPLOAD_TOO_SLOW: { status: 408, title: 'The body came too slowly for too long' },
  NOTHING_TO_PAY_OUT: { status: 409, title: 'The merchant is owed nothing' },
  PAYOUT_OPEN: { status: 409, title: 'The payout before is not finished' },
  PAYOUT_CANCELLED: { status: 409, title: 'The payout was cancelled' },
  PAYOUT_NOT_APPROVED: { status: 409, title: 'The payout is not approved' },
  PAYOUT_PAID: { status: 409, title: 'The payout was paid' },
  PAYOUT_REFERENCE_USED: { status: 409, title: 'The transfer has paid another payout' },
  RECONCILIATION_NOT_DONE: { status: 409, title: 'It is no completed reconciliation of a gateway' },
  RECONCILIATION_DRY_RUN: { status: 409, title: 'Nothing is decided of a dry run' },
  DIFFERENCE_DECIDED: { status: 409, title: 'The difference was decided otherwise' },
  DIFFERENCE_BOOKED_ELSEWHERE: { status: 409, title: 'Another reconciliation has booked of it' },
  DIFFERENCE_NOT_BOOKABLE: { status: 409, title: 'The difference is of no amount' },
  JOB_NOT_FAILED: { status: 409, title: 'The job has not failed' },
  JOB_ENDED: { status: 409, title: 'The job has ended' },
  QUANTITY_OVERFLOW: { status: 409, title: 'More would be on hand than can be counted' },
  ALERT_RESOLVED: { status: 409, title: 'The alert is resolved' },
  ALERT_ENDS_BY_ITSELF: { status: 409, title: 'The alert ends when its cause is gone' },
  DUPLICATE_RECEIPT: { status: 409, title: "This supplier's delivery was received before" },
  SIMILAR_RECEIPT: {
    status: 409,
    title: 'A delivery of this supplier with a like reference was received before',
  },
  DUPLICATE_SERIAL: { status: 409, title: 'The product already has this serial number' },
  SERIAL_NOT_THERE: { status: 409, title: 'A serial number is not there' },
  SERIAL_PACKED: { status: 409, title: 'A serial number is packed for another parcel' },
  RECEIPT_REVERSED: { status: 409, title: 'The receipt was taken back' },
  UNITS_HAVE_LEFT: { status: 409, title: 'The units are not there any more' },
  SERIAL_BLOCKED: { status: 409, title: 'A serial number is on quality hold' },
  LOT_BLOCKED: { status: 409, title: 'The lot is on hold, recalled or has expired' },
  LOT_SHORT: { status: 409, title: 'The lot has less than that' },
  PARCEL_STOPPED: { status: 409, title: 'The parcel will not leave' },
  PRODUCT_HAS_STOCK: { status: 409, title: 'The product has stock' },
  COUNT_NOT_OPEN: { status: 409, title: 'The sheet is not being counted' },
  COUNT_INCOMPLETE: { status: 409, title: 'Not every line of the sheet is counted' },
  COUNT_NOT_IN_REVIEW: { status: 409, title: 'Nothing of the sheet awaits a decision' },
  QUALITY_HOLD_EXCEEDED: { status: 409, title: 'Less than that is on quality hold' },
  HOLD_OF_COUNT: { status: 409, title: 'A count keeps the units' },
  SERIAL_ELSEWHERE: { status: 409, title: 'A serial number is known to be elsewhere' },
  NOT_RETURNABLE: { status: 409, title: 'More than was shipped and not returned yet' },
  RETURN_CLOSED: { status: 409, title: 'The return takes nothing more' },
  RETURN_NOT_CANCELLABLE: { status: 409, title: 'The return can no longer be cancelled' },
  RETURN_EXCEEDS_AUTHORISED: { status: 409, title: 'More than the return was authorised for' },
  RETURN_EXCEEDS_RECEIVED: { status: 409, title: 'More than was received and not inspected yet' },
  RETURN_AT_ANOTHER_LOCATION: { status: 409, title: 'The return came in at another location' },
  IDEMPOTENCY_KEY_REQUIRED: { status: 422, title: 'An Idempotency-Key is needed' },
  IDEMPOTENCY_IN_FLIGHT: {
    status: 409,
    title: 'The first request with this key is still running',
    retryAfter: 1,
  },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'The body is too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'This media type is not supported' },
  VALIDATION_FAILED: { status: 422, title: 'The request breaks a rule' },
  CONTACT_NOT_TAKEN: { status: 422, title: 'The customer is written to at the address of their account' },
  EVENTS_AHEAD: { status: 422, title: 'There is no such position yet' },
  UNKNOWN_SKU: { status: 422, title: 'A SKU is not known' },
  MIXED_CURRENCIES: { status: 422, title: 'One order has one currency' },
  PRICE_NOT_CHARGEABLE: { status: 422, title: 'The payment gateway cannot charge this price' },
  UNKNOWN_LOCATION: { status: 422, title: 'A location is not known' },
  UNKNOWN_ORDER: { status: 422, title: 'The order is not known' },
  PASSWORD_NOT_RIGHT: { status: 422, title: 'The present password is another one' },
  PAYLOAD_NOT_READABLE: { status: 422, title: 'The key of the payload is not known here' },
  NOTIFICATION_FIXED: { status: 422, title: 'These notifications cannot be changed' },
  NOTIFICATION_NOT_OFFERED: { status: 422, title: 'These notifications are not for this role' },
  MAIL_TOKEN_INVALID: { status: 422, title: 'The token of the mail is not good' },
  UNKNOWN_SERVICE: { status: 422, title: 'The service is not known' },
  SCOPES_REQUIRED: { status: 422, title: 'The key could do nothing' },
  SCOPES_NOT_ALLOWED: { status: 422, title: 'Such a key has other scopes' },
  UNKNOWN_CATEGORY: { status: 422, title: 'The category is not known' },
  UNKNOWN_MERCHANT: { status: 422, title: 'The merchant is not known' },
  UNKNOWN_ZONE: { status: 422, title: 'The time zone is not known' },
  DAY_NOT_ENDED: { status: 422, title: 'A day has not ended' },
  CURRENCY_REQUIRED: { status: 422, title: 'There are several currencies' },
  FEE_RULE_TOO_EARLY: { status: 422, title: 'A fee rule holds from now on, or from later' },
  UNKNOWN_LOT: { status: 422, title: 'The lot is not known' },
  AMOUNT_OVERFLOW: { status: 422, title: 'An amount is larger than can be told exactly' },
  CURRENCY_MISMATCH: { status: 422, title: 'The costs of one product have one currency' },
  NO_SUCH_LINE: { status: 422, title: 'There is no such line' },
  UNITS_NAMED_TWICE: { status: 422, title: 'A unit is named twice' },
  LOT_REQUIRED: { status: 422, title: 'The product is kept by lot' },
  LOT_EXPIRY_MISMATCH: { status: 422, title: 'The lot is known with another expiry date' },
  SERIALS_REQUIRED: { status: 422, title: 'Each unit of the product needs a serial number' },
  TOO_MANY_UNITS_NAMED: { status: 422, title: 'More units are named than move' },
  NOT_IN_PARCEL: { status: 422, title: 'The parcel has nothing of it' },
  NOT_TRACKED: { status: 422, title: 'The product keeps no lots or serial numbers' },
  ASOF_IN_FUTURE: { status: 422, title: 'The time has not come yet' },
  ZONE_NOT_WHOLE_HOURS: { status: 422, title: 'Days of this time zone do not begin with an hour of UTC' },
  ASOF_BEFORE_RETENTION: { status: 422, title: 'The ledger does not go back that far' },
  FEED_EMPTY: { status: 422, title: 'The upload has no rows' },
  FEED_HEADER_INVALID: { status: 422, title: 'The header of the upload cannot be read' },
  FEED_COLUMN_MISSING: { status: 422, title: 'A column of the upload is missing' },
  FEED_MODE_MISMATCH: { status: 422, title: 'The feed has a column of the other mode' },
  FEED_COLUMN_AMBIGUOUS: { status: 422, title: 'Two columns of the upload mean the same' },
  FEED_ENCODING_INVALID: { status: 422, title: 'The upload is not in the character set that it should be' },
  FEED_COMPRESSION_INVALID: { status: 422, title: 'The upload cannot be unpacked' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, title: 'This idempotency key belongs to another request' },
  TOO_MANY_ATTEMPTS: { status: 429, title: 'Too many attempts failed', retryAfter: 60 },
  INTERNAL: { status: 500, title: 'Something went wrong on our side' },
  OVERLOADED: { status: 503, title: 'Too many requests are waiting', retryAfter: 1 },
  ENGINE_UNAVAILABLE: { status: 503, title: 'The workflow engine cannot be reached', retryAfter: 2 },
  FILE_STORE_UNAVAILABLE: { status: 503, title: 'The file cannot be read from its store', retryAfter: 10 },
  FORECAST_NOT_MADE: { status: 404, title: 'There is no forecast of it yet' },
  ANALYTICS_BUILDING: { status: 503, title: 'Analytics are being prepared', retryAfter: 10 },
  REPORTS_BUILDING: { status: 503, title: 'Reports are being prepared', retryAfter: 10 },
  JOB_QUEUE_FULL: { status: 503, title: 'Too many jobs are open', retryAfter: 10 },
  ORDER_STEP_FAILED: { status: 503, title: 'A step of the order fails each time', retryAfter: 60 },
  WEBHOOK_NOT_SET_UP: { status: 503, title: 'No secret is set for this sender', retryAfter: 3_600 },
  WEBHOOKS_NOT_SET_UP: { status: 503, title: 'Secrets of webhooks cannot be kept', retryAfter: 3_600 },
  SIGN_IN_NOT_SET_UP: { status: 503, title: 'Nobody can sign in yet', retryAfter: 3_600 },
  PROVIDER_UNAVAILABLE: { status: 503, title: 'The sign-in provider cannot be reached', retryAfter: 5 },
  UPDATES_FAILED: { status: 503, title: 'Not every update could be applied', retryAfter: 60 },
  DATABASE_UNAVAILABLE: { status: 503, title: 'The database cannot be reached', retryAfter: 2 },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof PROBLEMS;

/** The keys of `PROBLEMS`. */
export const PROBLEM_CODES = Object.keys(PROBLEMS) as readonly ProblemCode[];

/** Problems of naming the units that leave. */
export const NAMING_PROBLEMS = [
  'NOT_TRACKED',
  'TOO_MANY_UNITS_NAMED',
  'SERIAL_NOT_THERE',
  'UNITS_NAMED_TWICE',
  'SERIAL_PACKED',
  'SERIAL_BLOCKED',
  'UNKNOWN_LOT',
  'LOT_SHORT',
  'LOT_BLOCKED',
] as const satisfies readonly ProblemCode[];

/** RFC 9457, with Holdfast's own members. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ProblemCode;
  /** The request's id. */
  instance: string;
  [member: string]: unknown;
}

export interface FieldError {
  /** Dotted path into the body, or the name of the query parameter or header. */
  path: string;
  message: string;
}

/** The error to throw for a problem. `members` become members of the document. */
export function problem(code: ProblemCode, detail: string, members: Record<string, unknown> = {}): AppError {
  return new AppError(code, detail, members);
}

export function notFound(detail: string): AppError {
  return problem('NOT_FOUND', detail);
}

/** Nobody is signed in, or by nothing that is good. */
export function notSignedIn(detail: string): AppError {
  return problem('NOT_SIGNED_IN', detail);
}

/**
 * For the `catch` of work on a thing that the address names: an error with this code, which says that there is no such thing,
 * becomes `NOT_FOUND`. Any other error is thrown on.
 */
export function asNotFound(code: string, detail: string): (error: unknown) => never {
  return (error) => {
    throw isAppError(error, code) ? notFound(detail) : error;
  };
}

/** `OVERLOADED`: nothing was done, and the same request may succeed after so many seconds. */
export function overloaded(detail: string, retryAfterSeconds: number): AppError {
  return problem('OVERLOADED', `${detail} Nothing was done; try again.`, { retryAfter: retryAfterSeconds });
}

/** What one response names at most: a body of a megabyte could break a hundred thousand rules. */
const MAX_ERRORS = 1_000;

/** `VALIDATION_FAILED` with what is wrong where: the first `MAX_ERRORS`. */
export function invalid(errors: readonly FieldError[]): AppError {
  const [first] = errors;
  const detail = first ? `${first.path || 'body'}: ${first.message}` : 'The request breaks a rule.';
  return problem('VALIDATION_FAILED', detail, { errors: errors.slice(0, MAX_ERRORS) });
}

/** For the `catch` of what is about a time in the past, which the request has at `path`: one that has not come yet is invalid. */
export function asInvalidTimeAt(path: string): (error: unknown) => never {
  return (error) => {
    throw isAppError(error, 'ASOF_IN_FUTURE')
      ? invalid([{ path, message: 'must not be in the future' }])
      : error;
  };
}

export const asInvalidTime = asInvalidTimeAt('asOf');

/** Seconds for `Retry-After`, or undefined where trying again is of no use. A document's own `retryAfter` goes first. */
export function retryAfter({ code, retryAfter: told }: Problem): number | undefined {
  const kind: ProblemKind = PROBLEMS[code];
  return typeof told === 'number' ? told : kind.retryAfter;
}

/**
 * Any error as what the client may know of it: never a stack, SQL or a driver's message.
 * An error with no known code is `INTERNAL`, or `DATABASE_UNAVAILABLE` when trying again may help.
 */
export function toProblem(error: unknown, requestId: string): Problem {
  const known = asKnown(error);
  const { status, title } = PROBLEMS[known.code];
  return {
    ...known.members,
    type: `urn:holdfast:problem:${known.code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    detail: known.detail,
    code: known.code,
    instance: requestId,
  };
}

interface KnownProblem {
  code: ProblemCode;
  detail: string;
  members: Readonly<Record<string, unknown>>;
}

function asKnown(error: unknown): KnownProblem {
  if (isAppError(error) && isProblemCode(error.code)) {
    return { code: error.code, detail: error.message, members: error.details };
  }
  const fromHttp = asHttpError(error);
  if (fromHttp) return { ...fromHttp, members: {} };
  if (isRetryable(error)) {
    return { code: 'DATABASE_UNAVAILABLE', detail: 'The database is busy or away. Try again.', members: {} };
  }
  if (isRefusedValue(error)) return { code: 'VALIDATION_FAILED', detail: REFUSED_VALUE, members: {} };
  return { code: 'INTERNAL', detail: 'The error is in our log, under the request id.', members: {} };
}

/** Which value it is, PostgreSQL does not tell. */
const REFUSED_VALUE =
  'A value of the request is out of the range that can be stored, or has characters that cannot.';

/** Whether a text is the code of a problem of this API. */
export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(PROBLEMS, code);
}

const MEGABYTE = 1_048_576;

/** What Express and its body parser throw, by their `type` and `status`. */
function asHttpError(error: unknown): { code: ProblemCode; detail: string } | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { type, status, limit } = error as { type?: unknown; status?: unknown; limit?: unknown };
  if (type === 'entity.parse.failed')
    return { code: 'MALFORMED_JSON', detail: 'The body is not valid JSON.' };
  if (type === 'entity.too.large')
    return {
      code: 'PAYLOAD_TOO_LARGE',
      detail: `A body may have at most ${Number(limit) / MEGABYTE} MB here.`,
    };
  if (status === 415)
    return { code: 'UNSUPPORTED_MEDIA_TYPE', detail: 'This encoding of the body is not supported.' };
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return { code: 'BAD_REQUEST', detail: 'The request cannot be understood.' };
  }
  return undefined;
}
