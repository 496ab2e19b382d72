import { checkAvailability } from '../../domain/stock/availability/availability';
import { keepOrigin } from '../../domain/audit/origin';
import { keepContact } from '../../domain/notifications/contacts';
import { isOfAnother, ownerOf } from '../../domain/orders/rules';
import { REVIEW_DECISIONS, type OrderInput, type ReviewTerms } from '../../domain/orders/types';
import { whyNoMoreUnpaid } from '../../domain/ordering/unpaid-limits';
import { readOrder, type OrderRecord } from '../../domain/ordering/views';
import {
  acceptKey,
  findKey,
  fingerprintOf,
  finishKey,
  isSameRequest,
  receivedFingerprintOf,
  refuseKey,
  startKey,
  type KeyEntry,
  type KeyId,
  type NewKey,
  type StoredResponse,
} from '../../platform/database/idempotency';
import type { Principal } from '../../domain/identity/types';
import { reviewedFrom, unpaidLimitsOf, type Settings } from '../../platform/config';
import { derivedId, newId } from '../../platform/ids';
import { orderPath } from '../http/paths';
import { invalid, problem } from '../http/problems';
import type { RequestContext } from '../http/request-context';
import { problemResponse, type ApiResponse } from '../http/response';
import { keyReused } from '../idempotency/idempotency-key';
import { isFinal, replayed } from '../idempotency/run-once';
import { HOLD_SECONDS, type NewOrder } from '../schemas/order-requests';
import type { ApiContext } from '../services/context';
import type { PlacementOutcome } from '../services/metrics';
import { unavailable } from '../temporal/engine';
import { outOfStock, undecidedResponse, unknownSkus, placementResult } from './order-responses';

/** One request to place an order, validated. */
export interface Placement extends Pick<RequestContext, 'requestId' | 'traceparent' | 'log' | 'signal'> {
  body: NewOrder & { customerId: string; holdSeconds: number };
  receivedBody: unknown;
  /** Who places it. */
  principal: Principal;
  keyCaller: string;
  idempotencyKey: string | null;
}

/**
 * Whose order it is: a customer's own, whoever else's is named by services and operators.
 *
 * @throws AppError `NOT_ALLOWED` where a customer names another, `VALIDATION_FAILED` where one must be named
 */
export function customerOf({ role, id }: Principal, named: string | undefined): string {
  if (role === 'customer') {
    if (named === undefined || named === id) return id;
    throw problem('NOT_ALLOWED', 'You can order for yourself only: leave customerId out.');
  }
  if (named === undefined) throw invalid([{ path: 'customerId', message: 'is required' }]);
  return named;
}

/** Members that decide about the shop's costs and stock; a customer's own address is that of their account. */
const OF_STAFF = [
  'backorderSeconds',
  'capture',
  'contact',
  'sourcing',
] as const satisfies readonly (keyof NewOrder)[];

/**
 * What a customer may say of an order, with how long its stock is held where they do not say.
 *
 * @throws AppError `MEMBERS_NOT_ALLOWED` for what only staff and services say; `VALIDATION_FAILED` for a hold that is too long
 */
export function termsOf(
  { role }: Principal,
  body: NewOrder,
  { CUSTOMER_HOLD_SECONDS: longest }: Pick<Settings, 'CUSTOMER_HOLD_SECONDS'>,
): NewOrder & { holdSeconds: number } {
  const { holdSeconds } = body;
  if (role !== 'customer') return { ...body, holdSeconds: holdSeconds ?? HOLD_SECONDS };
  const members = OF_STAFF.filter((member) => body[member] !== undefined);
  if (members.length > 0)
    throw problem('MEMBERS_NOT_ALLOWED', `Customers leave out: ${members.join(', ')}.`, { members });
  if (holdSeconds !== undefined && holdSeconds > longest)
    throw invalid([{ path: 'holdSeconds', message: `must be at most ${longest} for customers` }]);
  return { ...body, holdSeconds: holdSeconds ?? Math.min(HOLD_SECONDS, longest) };
}

const SCOPE = 'POST /orders';

/** One placement under way, with what each of its steps needs. */
interface Attempt {
  placement: Placement;
  order: OrderInput;
  key: KeyId | null;
  /** As it was when this request came: null without a key. */
  found: (KeyEntry & { isNew: boolean }) | null;
  /** When the client must have a response, by `performance.now()`. */
  deadline: number;
}

/**
 * Places an order: writes the key's row, waits in the queue, checks the stock, starts the saga and waits for its outcome. What
 * must hold at every crash in between:
 *
 * - The key's row is there before anything else and `started` before the engine is asked. So a retry either finds a key
 *   that was never started, and may be refused, or joins the one saga of its order id.
 * - A refusal and a start exclude each other in PostgreSQL (`refuseKey`, `startKey`). So a retry of the order that took
 *   the last unit cannot be refused for lack of the unit that it reserved itself, and a request with a key that was accepted
 *   but never started (503, or its process died) may still be refused, which keeps sold-out retries cheap.
 * - 503 is sent only while nothing was started. Once the engine was asked, an unknown outcome is 202.
 */
export async function placeOrder(context: ApiContext, placement: Placement): Promise<ApiResponse> {
  // Before the key, whose row costs a write: requests that are told to try again must not take what orders under way need.
  if (context.admission.full) return respondWhenFull(context, placement);
  const { key, found, order } = await accept(context, placement);
  if (found?.response) return replay(context, order.orderId, found.response);
  const owner = ownerOf(order);
  // The saga writes the entry of an order for somebody else.
  if (isOfAnother(owner, { owner, customerId: order.customerId })) await keepOrigin(context.db, owner);
  const attempt: Attempt = {
    placement,
    order,
    key,
    found,
    deadline: performance.now() + context.settings.OUTCOME_TIMEOUT_MS,
  };
  return context.admission.run(placement.signal, () => decide(context, attempt));
}

/** 503 says that nothing was done, so a repeat of a request that was started or has a response gets that one's response instead. */
async function respondWhenFull(context: ApiContext, placement: Placement): Promise<ApiResponse> {
  const { order, wanted } = requested(context, placement);
  const found = wanted && (await findKey(context.db, wanted));
  if (!found) throw context.admission.refusal();
  if (!isSameRequest(found, wanted)) throw keyReused();
  if (found.response) return replay(context, order.orderId, found.response);
  if (found.state !== 'started') throw context.admission.refusal();
  const record = await readOrder(context.db, order.orderId);
  if (record) return conclude(context, { key: wanted, placement, order }, record);
  context.metrics.placed('undecided');
  return undecidedResponse(order.orderId);
}

/** The order that a request is for, and the row of its key if it has one. */
function requested(
  { settings }: Pick<ApiContext, 'settings'>,
  { body, receivedBody, principal, keyCaller, idempotencyKey, requestId }: Placement,
): { order: OrderInput; wanted: NewKey | null } {
  // Kept beside the order: neither its saga nor its row has it, nor anything that is made of it.
  const terms = { ...body };
  delete terms.contact;
  const wish = {
    ...terms,
    owner: principal.caller,
    httpRequestId: requestId,
    capture: body.capture ?? settings.CAPTURE,
    review: reviewTermsOf(settings),
  };
  if (idempotencyKey === null) {
    return { order: { ...wish, orderId: newId(), fingerprint: null }, wanted: null };
  }
  const orderId = derivedId('order', keyCaller, idempotencyKey);
  const fingerprint = fingerprintOf(body);
  return {
    order: { ...wish, orderId, fingerprint: fingerprintOf(terms) },
    wanted: {
      caller: keyCaller,
      key: idempotencyKey,
      scope: SCOPE,
      fingerprint,
      received: receivedFingerprintOf(receivedBody),
      subjectId: orderId,
    },
  };
}

/** They are part of the order, so that a saga that is started again decides alike. Undefined: no order is reviewed. */
function reviewTermsOf(settings: Settings): ReviewTerms | undefined {
  const fromMinor = reviewedFrom(settings);
  if (Object.keys(fromMinor).length === 0) return undefined;
  return {
    fromMinor,
    seconds: settings.REVIEW_SECONDS,
    otherwise: REVIEW_DECISIONS[settings.REVIEW_OTHERWISE],
  };
}

async function accept(
  context: ApiContext,
  placement: Placement,
): Promise<Pick<Attempt, 'key' | 'found' | 'order'>> {
  const { order, wanted } = requested(context, placement);
  if (!wanted) return { key: null, found: null, order };
  const found = await acceptKey(context.db, wanted);
  if (!isSameRequest(found, wanted)) throw keyReused();
  return { key: wanted, found, order };
}

async function decide(context: ApiContext, attempt: Attempt): Promise<ApiResponse> {
  const { db, orderOutcomes } = context;
  const { order, found, deadline } = attempt;
  // Before anything is started, so that the notice of the outcome cannot be missed.
  const expected = orderOutcomes.expect(order.orderId);
  try {
    if (found && !found.isNew) {
      const decided = await readOrder(db, order.orderId);
      if (decided) return await conclude(context, attempt, decided);
    }
    const refusal = await beforeStart(context, attempt);
    if (refusal) return refusal;
    const begun = performance.now();
    const started = await startSaga(context, attempt);
    // Another request may have started it, and the notice of its outcome may have come before this request listened.
    if (started !== 'running' || (found && !found.isNew)) expected.recheck();
    const record = await expected.outcome(Math.max(0, deadline - performance.now()));
    context.metrics.outcomeWaited((performance.now() - begun) / 1_000);
    if (!record) {
      context.metrics.placed('undecided');
      return undecidedResponse(order.orderId);
    }
    return await conclude(context, attempt, record);
  } finally {
    expected.release();
  }
}

/** What may still end the request without the engine. Null: the engine is asked next, and the key says so. */
async function beforeStart(context: ApiContext, attempt: Attempt): Promise<ApiResponse | null> {
  const { db, engine } = context;
  const { key, found, order } = attempt;
  if (found?.state === 'started') return null;
  const refused = (await checkUnpaid(context, attempt)) ?? (await checkStock(context, attempt));
  if (refused) {
    const stands = key ? await refuseKey(db, key, refused.response) : refused.response;
    if (stands) {
      context.metrics.placed(refused.outcome);
      return stands === refused.response ? refused.response : replay(context, order.orderId, stands);
    }
    // The same key was started meanwhile: its outcome is this request's too.
    return null;
  }
  if (!(await engine.health.reachable())) throw unavailable();
  const refusedMeanwhile = key ? await startKey(db, key) : null;
  return refusedMeanwhile ? replay(context, order.orderId, refusedMeanwhile) : null;
}

interface EarlyRefusal {
  outcome: PlacementOutcome;
  response: ApiResponse;
}

/** Refuses a customer who has as many unpaid orders as they may: whatever is ordered, the saga would. */
async function checkUnpaid(
  { db, settings }: ApiContext,
  { placement, order }: Attempt,
): Promise<EarlyRefusal | null> {
  const refusal = await whyNoMoreUnpaid(db, unpaidLimitsOf(settings), order);
  if (!refusal) return null;
  const error = problem(refusal.code, refusal.detail, { ...refusal.details });
  return { outcome: 'unpaid_limit', response: problemResponse(error, placement.requestId) };
}

/**
 * Refuses orders for what is sold out before the engine is asked: 400 refusals cost 400 reads, not 400 sagas. Only an order that
 * wants all or nothing is refused for lack of stock.
 */
async function checkStock(context: ApiContext, { placement, order }: Attempt): Promise<EarlyRefusal | null> {
  const { unknownSkus: unknown, shortages } = await checkAvailability(context.db, order.items);
  if (unknown.length > 0) {
    return { outcome: 'unknown_sku', response: problemResponse(unknownSkus(unknown), placement.requestId) };
  }
  if (shortages.length === 0 || order.fulfilment !== 'complete') return null;
  return { outcome: 'out_of_stock', response: problemResponse(outOfStock(shortages), placement.requestId) };
}

async function startSaga(context: ApiContext, { placement, order, found }: Attempt) {
  const joins = found?.state === 'started';
  // An order that an earlier request started may be under way although the engine is away now.
  if (joins && !(await context.engine.health.reachable())) return 'unknown';
  // Before there can be an event of which its reader is told.
  const { contact } = placement.body;
  if (contact)
    await keepContact(context.db, order.orderId, { email: contact.email, locale: contact.language });
  return context.engine.start(order, placement.traceparent);
}

/** Responds with the order's outcome and stores the response under the key; all requests with one key get the first one stored. */
async function conclude(
  context: ApiContext,
  { key, placement, order }: Pick<Attempt, 'key' | 'placement' | 'order'>,
  record: OrderRecord,
): Promise<ApiResponse> {
  const result = placementResult(record);
  const response =
    result.outcome === 'reserved' ? result.response : problemResponse(result.error, placement.requestId);
  context.metrics.placed(result.outcome);
  if (!key || !isFinal(response)) return response;
  try {
    const stored = await finishKey(context.db, key, response);
    return stored === response ? response : withLocation(order.orderId, replayed(stored));
  } catch (error) {
    // The order stands, and its row gives a retry the same outcome.
    placement.log.warn({ err: error }, 'a response could not be stored under its idempotency key');
    return response;
  }
}

function replay(context: ApiContext, orderId: string, stored: StoredResponse): ApiResponse {
  context.metrics.placed('replayed');
  return withLocation(orderId, replayed(stored));
}

/** Keys of a version before have no headers. */
function withLocation(orderId: string, response: ApiResponse): ApiResponse {
  if (response.status !== 201) return response;
  return { ...response, headers: { ...response.headers, location: orderPath(orderId) } };
}
