import { WorkflowNotFoundError, type WorkflowHandle } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils';
import { readAmendment } from '../../domain/ordering/amendments/request';
import { readCut } from '../../domain/ordering/cuts/request';
import { readOrder } from '../../domain/ordering/views';
import type { OrderView } from '../../domain/ordering/types';
import type { OrderInput, OrderStatus } from '../../domain/orders/types';
import { readPaymentOfUpdate } from '../../domain/payments/payments';
import { newId } from '../../platform/ids';
import { isFailedPrecondition } from '../../platform/temporal/call-failure';
import {
  amendUpdate,
  cancelUpdate,
  cutItemsUpdate,
  ATTENTION,
  payUpdate,
  wakeSignal,
  type AmendResult,
  type CancelResult,
  type CutItemsResult,
  type PayResult,
  type SagaSettings,
} from '../../workflows/contract/messages';
import { WORKFLOW_TYPES } from '../../workflows/contract/names';
import { orderStartOptions } from '../../workflows/contract/start';
import { eventTypes } from '../support/fixtures';
import type { Path } from '../replay/paths';
import { keepHistory } from '../replay/record';
import type { Stack } from '../support/stack';
import { waitFor } from '../support/wait';

/** Short, so that what takes an hour in production takes a second here. */
export const SAGA: Omit<SagaSettings, 'paymentsQueue'> = {
  paymentCallMs: 8_000,
  paymentUnknownSeconds: 60,
  firstRetryMs: 100,
  gatewayIsFast: true,
};

export interface OrderRequest {
  /** Units by SKU. */
  items: Record<string, number>;
  fulfilment?: OrderInput['fulfilment'];
  holdSeconds?: number;
  backorderSeconds?: number;
  customerId?: string;
  /** Card token to pay with the order. */
  token?: string;
  capture?: OrderInput['capture'];
  review?: OrderInput['review'];
  saga?: Partial<SagaSettings>;
}

/** An order on its way, and what a test asks about it. */
export interface PlacedOrder {
  orderId: string;
  input: OrderInput;
  handle: WorkflowHandle;
  /** The order as clients see it. */
  view(): Promise<OrderView>;
  /** Waits until the order is as asked, and returns it. */
  until(is: OrderStatus | ((order: OrderView) => boolean), deadlineMs?: number): Promise<OrderView>;
  pay(token: string, updateId?: string, returnUrl?: string): Promise<PayResult>;
  cancel(reason?: string): Promise<CancelResult>;
  /** A charge that is accepted and not awaited. */
  payLater(token: string): Promise<() => Promise<PayResult>>;
  cut(items: Record<string, number>, requestId?: string): Promise<CutItemsResult>;
  amend(items: Record<string, number>, requestId?: string): Promise<AmendResult>;
  cancelLater(): Promise<() => Promise<CancelResult>>;
  wake(): Promise<void>;
  /** Waits until the saga has closed, and returns its result. Its history is the one of `path`. */
  closed(path: Path): Promise<{ status: OrderStatus }>;
  /** What an operator reads in the Temporal UI. */
  details(): Promise<string>;
  /** The search attribute Attention; undefined: it was never set. */
  attention(): Promise<string[] | undefined>;
  /** Types of what happened to the order, oldest first. */
  events(): Promise<string[]>;
  history(): Promise<History>;
}

/** An order as the API would start it. */
export function orderInput(request: OrderRequest): OrderInput {
  return {
    orderId: newId(),
    customerId: request.customerId ?? 'c-test',
    items: Object.entries(request.items).map(([sku, quantity]) => ({ sku, quantity })),
    shipTo: null,
    fulfilment: request.fulfilment ?? 'complete',
    holdSeconds: request.holdSeconds ?? 60,
    backorderSeconds: request.backorderSeconds,
    payment: request.token ? { method: 'card', token: request.token } : null,
    capture: request.capture,
    review: request.review,
    fingerprint: null,
  };
}

/** Starts the saga of a new order, as the API does. */
export function place(stack: Stack, request: OrderRequest): Promise<PlacedOrder> {
  return startSaga(stack, orderInput(request), request.saga);
}

export async function startSaga(
  stack: Stack,
  order: OrderInput,
  saga: Partial<SagaSettings> = {},
): Promise<PlacedOrder> {
  await stack.temporal.client.workflow.start(
    WORKFLOW_TYPES.orderSaga,
    orderStartOptions({
      names: stack.names,
      order,
      saga: { ...SAGA, paymentsQueue: stack.names.paymentsQueue, ...saga },
      restart: false,
      eager: false,
    }),
  );
  return attachToOrder(stack, order);
}

/** The order's latest saga, also one that was started again. */
export function attachToOrder(stack: Stack, input: OrderInput): PlacedOrder {
  const { db, temporal, names } = stack;
  const { orderId } = input;
  const told = rowsOf(stack, orderId, view);
  const handle = temporal.client.workflow.getHandle(names.orderWorkflowId(orderId));
  const card = (token: string, updateId: string, returnUrl?: string) => ({
    args: [{ method: 'card', token, updateId, ...(returnUrl === undefined ? {} : { returnUrl }) }] as const,
  });

  async function view(): Promise<OrderView> {
    const record = await readOrder(db, orderId);
    if (!record) throw new Error(`There is no order ${orderId}.`);
    return record.view;
  }

  return {
    orderId,
    input,
    handle,
    view,
    until(is, deadlineMs) {
      const matches = typeof is === 'string' ? (order: OrderView) => order.status === is : is;
      return waitFor(async () => {
        const order = await view();
        if (!matches(order)) throw new Error(JSON.stringify(order));
        return order;
      }, deadlineMs);
    },
    pay(token, updateId = newId(), returnUrl) {
      const { args } = card(token, updateId, returnUrl);
      return untilTaken(
        () => handle.executeUpdate(payUpdate, { updateId, args: [...args] }),
        () => told.pay(updateId),
      );
    },
    cancel(reason) {
      const updateId = newId();
      return untilTaken(
        () => handle.executeUpdate(cancelUpdate, { updateId, args: [{ reason: reason ?? null }] }),
        told.cancel,
      );
    },
    cut(items, requestId = newId()) {
      const lines = Object.entries(items).map(([sku, quantity]) => ({ sku, quantity }));
      const request = { requestId, items: lines, reason: null };
      return untilTaken(
        () => handle.executeUpdate(cutItemsUpdate, { updateId: requestId, args: [request] }),
        () => told.cut(requestId),
      );
    },
    amend(items, requestId = newId()) {
      const lines = Object.entries(items).map(([sku, quantity]) => ({ sku, quantity }));
      const request = { requestId, items: lines, shipTo: null };
      return untilTaken(
        () => handle.executeUpdate(amendUpdate, { args: [request] }),
        () => told.amend(requestId),
      );
    },
    payLater(token) {
      const updateId = newId();
      const { args } = card(token, updateId);
      return untilTaken(
        async () => {
          const update = await handle.startUpdate(payUpdate, {
            updateId,
            args: [...args],
            waitForStage: 'ACCEPTED',
          });
          return () => update.result();
        },
        () => Promise.resolve(() => told.pay(updateId)),
      );
    },
    cancelLater() {
      return untilTaken(
        async () => {
          const update = await handle.startUpdate(cancelUpdate, {
            args: [{ reason: null }],
            waitForStage: 'ACCEPTED',
          });
          return () => update.result();
        },
        () => Promise.resolve(told.cancel),
      );
    },
    async wake() {
      await handle.signal(wakeSignal).catch((error: unknown) => {
        // One that has ended needs none.
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      });
    },
    async closed(path) {
      const result = (await handle.result()) as { status: OrderStatus };
      await keepHistory(handle, path);
      return result;
    },
    async details() {
      const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
      return metadata.currentDetails ?? '';
    },
    async attention() {
      return (await handle.describe()).typedSearchAttributes.get(ATTENTION);
    },
    events: () => eventTypes(db, orderId),
    history: () => handle.fetchHistory(),
  };
}

/** The code with which the saga refused a request. */
export async function refusalOf(update: Promise<PayResult | CancelResult>): Promise<string> {
  const result = await update;
  if (result.outcome !== 'refused') throw new Error(`not refused: ${JSON.stringify(result)}`);
  return result.code;
}

/** Milliseconds from the moment the reservation was due to its being freed. */
export async function lateness({ db }: Stack, { orderId }: PlacedOrder): Promise<number> {
  const { rows } = await db.pool.query<{ ms: number }>(
    `select extract(epoch from e.at - r.expires_at)::float8 * 1000 as ms
     from order_events e join reservations r on r.order_id = e.order_id
     where e.order_id = $1 and e.type = 'hold_expired'`,
    [orderId],
  );
  return rows[0]!.ms;
}

/** What the API answers of a request whose saga has ended meanwhile: the rows tell. */
function rowsOf({ db }: Stack, orderId: string, view: () => Promise<OrderView>) {
  return {
    async pay(updateId: string): Promise<PayResult> {
      const made = await readPaymentOfUpdate(db, orderId, updateId);
      if (made) {
        const { id: paymentId, status } = made.payment;
        return { outcome: status === 'declined' || status === 'authorized' ? status : 'captured', paymentId };
      }
      const code = (await view()).status === 'expired' ? 'HOLD_EXPIRED' : 'ORDER_NOT_PAYABLE';
      return { outcome: 'refused', code, paymentId: null };
    },
    async cancel(): Promise<CancelResult> {
      const { status, cancelReason } = await view();
      return status === 'cancelled' || cancelReason !== undefined
        ? { outcome: 'cancelled' }
        : { outcome: 'refused', code: 'NOT_CANCELLABLE' };
    },
    async cut(requestId: string): Promise<CutItemsResult> {
      const cut = await readCut(db, requestId);
      return cut && cut.units > 0 ? { outcome: 'cut' } : { outcome: 'refused', code: 'NOT_CANCELLABLE' };
    },
    async amend(requestId: string): Promise<AmendResult> {
      const amendment = await readAmendment(db, requestId);
      return amendment?.state === 'done'
        ? { outcome: 'amended' }
        : { outcome: 'refused', code: amendment?.code ?? 'NOT_AMENDABLE' };
    },
  };
}

const MAX_TRIES = 5;

/**
 * Asks again as the API does (`updateSaga`). A signal that arrives while the saga's last task runs makes the server fail that task
 * (`UNHANDLED_COMMAND`), and with it the requests that it had handed to it. What the task did to the rows stays, so the saga may end
 * before it is asked again: `closed` answers then.
 */
async function untilTaken<T>(ask: () => Promise<T>, closed: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (tries > 1 && error instanceof WorkflowNotFoundError) return closed();
      if (tries === MAX_TRIES || !isFailedPrecondition(error)) throw error;
    }
  }
}
