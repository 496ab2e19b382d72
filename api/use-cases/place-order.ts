import { checkAvailability } from '../../domain/stock/availability/availability';
import type { OrderInput } from '../../domain/orders/types';
import { readOrder, type OrderRecord } from '../../domain/ordering/views';
import {
  acceptKey,
  findKey,
  fingerprintOf,
  finishKey,
  isSameRequest,
  refuseKey,
  startKey,
  type KeyEntry,
  type KeyId,
  type NewKey,
} from '../../platform/database/idempotency';
import { derivedId, newId } from '../../platform/ids';
import { problemAnswer, type Answer } from '../http/answer';
import { keyReused, replayed } from '../idempotency/stored-answer';
import type { ApiContext } from '../context';
import { unavailable } from '../temporal/engine';
import type { PlacementOutcome } from '../metrics';
import { orderPath, outOfStock, undecidedAnswer, unknownSkus, outcomeOf } from './order-answers';
import type { RequestContext } from '../http/request-context';
import type { NewOrder } from '../schemas/orders';

/** One request to place an order, validated. */
export interface Placement extends Pick<RequestContext, 'requestId' | 'traceparent' | 'log' | 'signal'> {
  body: NewOrder;
  caller: string;
  idempotencyKey: string | null;
}

const SCOPE = 'POST /orders';

/** One placement on its way, with what it needs at every step. */
interface Attempt {
  placement: Placement;
  order: OrderInput;
  key: KeyId | null;
  /** As it was when this request came: null without a key. */
  found: (KeyEntry & { isNew: boolean }) | null;
  /** When the client must have an answer, by `performance.now()`. */
  deadline: number;
}

/**
 * Places an order: the key's row, a place in the queue, a look at the stock, the saga, its verdict. See the design for why
 * in this order. What must hold at every crash in between:
 *
 * - The key's row is there before anything else and `started` before the engine is asked. So a retry either finds a key
 *   that was never started, and may be refused, or joins the one saga of its order id.
 * - A refusal and a start exclude each other in PostgreSQL (`refuseKey`, `startKey`). So a retry of the order that took
 *   the last unit cannot be refused for the want of the unit it holds itself, and a request with a key that was accepted
 *   but never started (503, or its process died) may still be refused, which keeps sold-out retries cheap.
 * - 503 leaves only while nothing was sent. Once the engine was asked, what is not known is 202.
 */
export async function placeOrder(context: ApiContext, placement: Placement): Promise<Answer> {
  // Before the key, whose row costs a write: a crowd that is told to try again must not starve the orders under way.
  if (context.admission.full) return answerWhenFull(context, placement);
  const { key, found, order } = await accept(context, placement);
  if (found?.answer) return replay(context, order.orderId, found.answer);
  const attempt: Attempt = {
    placement,
    order,
    key,
    found,
    deadline: performance.now() + context.settings.OUTCOME_TIMEOUT_MS,
  };
  return context.admission.run(placement.signal, () => decide(context, attempt));
}

/** 503 says that there is no such order, so it is not for the repeat of one that was started or answered. */
async function answerWhenFull(context: ApiContext, placement: Placement): Promise<Answer> {
  const { order, wanted } = requested(placement);
  const found = wanted && (await findKey(context.db, wanted));
  if (!found) throw context.admission.refusal();
  if (!isSameRequest(found, wanted)) throw keyReused();
  if (found.answer) return replay(context, order.orderId, found.answer);
  if (found.state !== 'started') throw context.admission.refusal();
  const record = await readOrder(context.db, order.orderId);
  if (record) return conclude(context, { key: wanted, placement, order }, record);
  context.metrics.placed('undecided');
  return undecidedAnswer(order.orderId);
}

/** The order that a request is for, and the row of its key if it has one. */
function requested({ body, caller, idempotencyKey }: Placement): {
  order: OrderInput;
  wanted: NewKey | null;
} {
  if (idempotencyKey === null) {
    return { order: { ...body, orderId: newId(), fingerprint: null }, wanted: null };
  }
  const orderId = derivedId('order', caller, idempotencyKey);
  const fingerprint = fingerprintOf(body);
  return {
    order: { ...body, orderId, fingerprint },
    wanted: { caller, key: idempotencyKey, scope: SCOPE, fingerprint, subjectId: orderId },
  };
}

async function accept(
  context: ApiContext,
  placement: Placement,
): Promise<Pick<Attempt, 'key' | 'found' | 'order'>> {
  const { order, wanted } = requested(placement);
  if (!wanted) return { key: null, found: null, order };
  const found = await acceptKey(context.db, wanted);
  if (!isSameRequest(found, wanted)) throw keyReused();
  return { key: wanted, found, order };
}

async function decide(context: ApiContext, attempt: Attempt): Promise<Answer> {
  const { db, verdicts } = context;
  const { order, found, deadline } = attempt;
  // Before anything is started, so that the notice of the verdict cannot come too early.
  const expected = verdicts.expect(order.orderId);
  try {
    if (found && !found.isNew) {
      const decided = await readOrder(db, order.orderId);
      if (decided) return await conclude(context, attempt, decided);
    }
    const refusal = await beforeStart(context, attempt);
    if (refusal) return refusal;
    const begun = performance.now();
    const started = await startSaga(context, attempt);
    // Another request may have started it, and its verdict may have been told before anybody here listened.
    if (started !== 'running' || (found && !found.isNew)) expected.recheck();
    const record = await expected.verdict(Math.max(0, deadline - performance.now()));
    context.metrics.outcomeWaited((performance.now() - begun) / 1_000);
    if (!record) {
      context.metrics.placed('undecided');
      return undecidedAnswer(order.orderId);
    }
    return await conclude(context, attempt, record);
  } finally {
    expected.release();
  }
}

/** Everything that may still end the request without the engine. Null: it is to be asked, and the key says so. */
async function beforeStart(context: ApiContext, attempt: Attempt): Promise<Answer | null> {
  const { db, engine } = context;
  const { key, found, order } = attempt;
  if (found?.state === 'started') return null;
  const refused = await lookAtStock(context, attempt);
  if (refused) {
    const stands = key ? await refuseKey(db, key, refused.answer) : refused.answer;
    if (stands) {
      context.metrics.placed(refused.outcome);
      return stands === refused.answer ? refused.answer : replay(context, order.orderId, stands);
    }
    // The same key was started meanwhile: its verdict is this request's too.
    return null;
  }
  if (!(await engine.health.reachable())) throw unavailable();
  const refusedMeanwhile = key ? await startKey(db, key) : null;
  return refusedMeanwhile ? replay(context, order.orderId, refusedMeanwhile) : null;
}

/**
 * A look, which keeps orders for what is sold out away from the engine: 400 refusals cost 400 reads, not 400 sagas. Only an
 * order that wants all or nothing is refused for the want of stock.
 */
async function lookAtStock(
  context: ApiContext,
  { placement, order }: Attempt,
): Promise<{ outcome: PlacementOutcome; answer: Answer } | null> {
  const { unknownSkus: unknown, shortages } = await checkAvailability(context.db, order.items);
  if (unknown.length > 0) {
    return { outcome: 'unknown_sku', answer: problemAnswer(unknownSkus(unknown), placement.requestId) };
  }
  if (shortages.length === 0 || order.fulfilment !== 'complete') return null;
  return { outcome: 'out_of_stock', answer: problemAnswer(outOfStock(shortages), placement.requestId) };
}

async function startSaga(context: ApiContext, { placement, order, found }: Attempt) {
  const joins = found?.state === 'started';
  // An order that an earlier request started may be under way although the engine is away now.
  if (joins && !(await context.engine.health.reachable())) return 'unknown';
  return context.engine.start(order, placement.traceparent);
}

/** Gives the verdict and keeps it under the key; of several requests with one key, the first answer kept is everybody's. */
async function conclude(
  context: ApiContext,
  { key, placement, order }: Pick<Attempt, 'key' | 'placement' | 'order'>,
  record: OrderRecord,
): Promise<Answer> {
  const verdict = outcomeOf(record);
  const answer =
    verdict.outcome === 'held' ? verdict.answer : problemAnswer(verdict.error, placement.requestId);
  context.metrics.placed(verdict.outcome);
  if (!key) return answer;
  try {
    const stored = await finishKey(context.db, key, answer);
    return stored === answer ? answer : withLocation(order.orderId, replayed(stored));
  } catch (error) {
    // The order stands, and its row gives a retry the same verdict.
    placement.log.warn({ err: error }, 'an answer could not be kept under its idempotency key');
    return answer;
  }
}

function replay(context: ApiContext, orderId: string, stored: { status: number; body: unknown }): Answer {
  context.metrics.placed('replayed');
  return withLocation(orderId, replayed(stored));
}

function withLocation(orderId: string, answer: Answer): Answer {
  if (answer.status !== 201) return answer;
  return { ...answer, headers: { ...answer.headers, location: orderPath(orderId) } };
}
