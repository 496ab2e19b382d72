import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  setCurrentDetails,
  setHandler,
  TemporalFailure,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import { mayCancel, nextStep, type NextStep } from '../../domain/ordering/rules';
import type { OrderProgress } from '../../domain/ordering/types';
import { hasEnded } from '../../domain/orders/rules';
import type { OrderStatus } from '../../domain/orders/types';
import type { ChargeOutcome } from '../../domain/payments/types';
import { Compensation, FAILED_SHIPMENTS, WHOLE_ORDER, type CompensationScope } from './compensation';
import {
  cancelUpdate,
  COMPENSATION_STUCK,
  ORDER_STATUS,
  payUpdate,
  wakeSignal,
  type CancelResult,
  type OrderSagaInput,
  type PayRequest,
  type PayResult,
} from '../contract/messages';
import { database, gatewayActivities, undoing } from './activities';
import {
  cancelResult,
  failureType,
  notPayable,
  payOutcome,
  refusal,
  resultOf,
  type Waiting,
} from './results';
import { inWords, OrderDetails } from './details';

/** A try adds about 12 events; see `compensation.ts`. */
const RESOLVE_CAP_MS = 300_000;

/**
 * One order: reserve, take the money, ship; undo what was done when a step fails or the order is not paid in time.
 *
 * The order's rows are the source of truth. Every step returns the order's progress, and `nextStep` chooses from that alone. A
 * signal only causes the rows to be read again. So a saga that is started again carries on, and repeated or reordered messages
 * do no harm.
 */
export async function orderSaga(input: OrderSagaInput): Promise<{ status: OrderStatus }> {
  const root = CancellationScope.current();
  try {
    // Nothing in here is interrupted: a cancellation of the workflow is a request to cancel the order.
    return await CancellationScope.nonCancellable(() => new OrderSaga(input, root).run());
  } catch (error) {
    if (error instanceof TemporalFailure) throw error;
    // A plain error would retry the workflow task for ever. A failed saga is visible, and the reconciler starts it again.
    throw ApplicationFailure.nonRetryable(
      error instanceof Error ? error.message : String(error),
      'SAGA_DEFECT',
    );
  }
}

class OrderSaga {
  private readonly orderId: string;
  private readonly gateway: ReturnType<typeof gatewayActivities>;
  private readonly details = new OrderDetails(setCurrentDetails);
  private readonly compensation = new Compensation(
    (words) => this.details.now(words),
    (ms, summary) => this.pause(ms, summary),
  );
  private progress: OrderProgress | undefined;
  private isWoken = false;
  private paying: (Waiting<PayRequest, PayResult> & { paymentId?: string }) | undefined;
  private cancelling: Waiting<string, CancelResult> | undefined;
  private shownStatus: OrderStatus | undefined;
  private resolveTries = 0;
  private alerted = false;
  /** What a compensation undoes: by default what failed, on a cancellation all of it. */
  private scope: CompensationScope = FAILED_SHIPMENTS;
  private refused = 0;
  /** Failure of the order that is left when its reserve is given up. */
  private readonly unreserved = {
    code: 'RESERVE_FAILED',
    detail: 'The order could not be reserved and was undone.',
  };

  constructor(
    private readonly input: OrderSagaInput,
    private readonly root: CancellationScope,
  ) {
    this.orderId = input.order.orderId;
    this.gateway = gatewayActivities(input.timeouts);
  }

  async run(): Promise<{ status: OrderStatus }> {
    this.listen();
    let progress = await this.reserve();
    for (;;) {
      this.progress = progress = await this.takeRequests(progress);
      const step = nextStep(progress);
      this.show(step, progress);
      if (step.do === 'finish') break;
      this.progress = progress = await this.perform(step, progress);
    }
    this.resolveCancel(progress);
    this.resolvePay({ outcome: 'refused', code: notPayable(progress), paymentId: null });
    await condition(allHandlersFinished);
    return { status: progress.status };
  }

  /** Registered before the first await: a message may come with the very first task. */
  private listen(): void {
    setHandler(wakeSignal, () => {
      this.isWoken = true;
    });
    setHandler(
      payUpdate,
      async (request) => {
        // An interceptor may come between the validator and this, and with it another payment.
        if (this.paying) return { outcome: 'refused', code: 'PAYMENT_IN_PROGRESS', paymentId: null };
        const mine: Waiting<PayRequest, PayResult> = { request, result: undefined };
        this.paying = mine;
        await condition(() => mine.result !== undefined);
        return resultOf(mine);
      },
      { validator: (_request) => this.refusePay() },
    );
    setHandler(
      cancelUpdate,
      async ({ reason }) => {
        if (this.progress && hasEnded(this.progress.status)) return cancelResult(this.progress);
        const mine = (this.cancelling ??= { request: reason ?? 'cancelled by request', result: undefined });
        await condition(() => mine.result !== undefined);
        return resultOf(mine);
      },
      { validator: (_request) => this.refuseCancel() },
    );
    this.root.cancelRequested.catch(() => {
      this.cancelling ??= { request: 'the workflow was cancelled', result: undefined };
    });
  }

  private refusePay(): void {
    if (this.paying || this.progress?.charge)
      throw refusal('PAYMENT_IN_PROGRESS', 'A payment is in progress.');
    if (this.progress && !this.progress.reservations.some(({ status }) => status === 'pending')) {
      throw refusal(notPayable(this.progress), 'There is nothing to pay for.');
    }
  }

  private refuseCancel(): void {
    if (this.progress && this.progress.status !== 'cancelled' && !mayCancel(this.progress)) {
      throw refusal('NOT_CANCELLABLE', 'The order has ended or left the warehouse.');
    }
  }

  private async reserve(): Promise<OrderProgress> {
    const { order } = this.input;
    this.details.now('Reserving stock.');
    this.compensation.register('reserve', {
      what: 'put the stock back on sale',
      run: async () => {
        this.progress = await (this.progress
          ? undoing.reserving.releaseStoppedShipments({ orderId: this.orderId, ...this.scope.end })
          : undoing.reserving.undoReserve({ order, ...this.unreserved }));
      },
    });
    const cancellable = new CancellationScope();
    this.root.cancelRequested.catch(() => cancellable.cancel());
    try {
      const { outcome, progress, code } = await cancellable.run(() => database.reserveOrder(order));
      if (!progress) throw ApplicationFailure.nonRetryable('an outcome without an order', 'SAGA_DEFECT');
      const how = progress.reservations.length > 0 ? 'Stock reserved.' : 'Queued for stock.';
      this.details.did(outcome === 'reserved' ? how : `Not reserved: ${code ?? outcome}.`);
      this.resume(progress);
      return progress;
    } catch (error) {
      if (!(error instanceof ActivityFailure) && !isCancellation(error)) throw error;
      this.unreserved.code = isCancellation(error) ? 'CANCELLED' : failureType(error);
      this.details.did(`Reservation given up: ${this.unreserved.code}.`);
      await this.compensation.run();
      return this.progress ?? database.readOrder(this.orderId);
    }
  }

  /** Registers the undos of what an earlier run of this saga may have done. */
  private resume(progress: OrderProgress): void {
    if (progress.reservations.some(({ status }) => status !== 'pending')) this.registerRefund();
    if (progress.reservations.some(({ status }) => status === 'confirmed')) this.registerVoid();
  }

  private registerRefund(): void {
    this.compensation.register('charge', {
      what: 'give the money back',
      run: async () => {
        await undoing.paying.refundOrder({ orderId: this.orderId, reason: this.scope.reason });
      },
    });
  }

  private registerVoid(): void {
    this.compensation.register('ship', {
      what: 'stop the shipments at the carrier',
      run: async () => {
        const { refused } = await undoing.shipping.voidShipments({
          orderId: this.orderId,
          which: this.scope.which,
        });
        this.refused = refused;
      },
    });
  }

  /** Writes waiting requests to rows: steps are chosen from rows, and rows outlive this saga. */
  private async takeRequests(progress: OrderProgress): Promise<OrderProgress> {
    const { orderId, cancelling, paying } = this;
    if (hasEnded(progress.status)) return progress;
    if (cancelling && !progress.cancelRequested) {
      if (mayCancel(progress)) return database.requestCancel({ orderId, reason: cancelling.request });
      this.resolveCancel(progress);
      // The wait for it has used up some of the time that the reservation had left.
      return database.readOrder(orderId);
    }
    if (!paying || progress.charge || progress.cancelRequested) return progress;
    const { updateId, method, token } = paying.request;
    const begun = await database.beginCharge({
      orderId,
      updateId,
      payment: { method, token },
      reservationId: null,
    });
    if (!begun.begun) this.resolvePay({ outcome: 'refused', code: begun.code, paymentId: null });
    else if (begun.status === 'pending') paying.paymentId = begun.paymentId;
    else this.resolvePay({ outcome: payOutcome(begun.status), paymentId: begun.paymentId });
    return begun.progress;
  }

  private async perform(
    step: Exclude<NextStep, { do: 'finish' }>,
    progress: OrderProgress,
  ): Promise<OrderProgress> {
    const { orderId } = this;
    switch (step.do) {
      case 'charge':
        return this.charge(step);
      case 'begin-charge': {
        const { reservationId } = step;
        const updateId = `allocation:${reservationId}`;
        return (await database.beginCharge({ orderId, updateId, payment: null, reservationId })).progress;
      }
      case 'expire':
        return this.expire(step.reservationId);
      case 'cancel':
        return this.cancel();
      case 'compensate':
        return this.compensate(FAILED_SHIPMENTS);
      case 'wait':
        return this.wait(step, progress);
    }
  }

  private async charge(step: { paymentId: string; unresolved: boolean }): Promise<OrderProgress> {
    const { paymentId } = step;
    this.registerRefund();
    if (step.unresolved) {
      const ms = Math.min(RESOLVE_CAP_MS, this.input.timeouts.resolveInitialMs * 2 ** this.resolveTries++);
      await this.pause(ms, 'ask the payment gateway again');
    }
    const outcome = await this.askGateway(paymentId);
    if (outcome.status === 'unknown') return this.recordUnknown(paymentId);
    this.registerVoid();
    const progress = await database.settleCharge({ paymentId, outcome });
    this.resolveTries = 0;
    if (this.alerted) upsertSearchAttributes([{ key: COMPENSATION_STUCK, value: false }]);
    this.alerted = false;
    this.details.did(`Payment ${outcome.status}.`);
    if (this.paying?.paymentId === paymentId) this.resolvePay({ outcome: outcome.status, paymentId });
    return progress;
  }

  /** Waits; a wake signal ends the wait. */
  private async pause(ms: number, summary: string): Promise<void> {
    this.isWoken = false;
    await condition(() => this.isWoken, ms, { summary });
  }

  private async askGateway(paymentId: string): Promise<ChargeOutcome> {
    try {
      return await this.gateway.chargePayment(paymentId);
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      return { status: 'unknown' };
    }
  }

  /** Records that the outcome is unknown. After `paymentUnknownSeconds` the reservation is given up. */
  private async recordUnknown(paymentId: string): Promise<OrderProgress> {
    const { orderId } = this;
    const progress = await database.recordUnknownCharge({ orderId, paymentId });
    if (this.paying?.paymentId === paymentId) this.resolvePay({ outcome: 'unknown', paymentId });
    if (!progress.charge || progress.charge.ageSeconds <= this.input.timeouts.paymentUnknownSeconds)
      return progress;
    if (!this.alerted) upsertSearchAttributes([{ key: COMPENSATION_STUCK, value: true }]);
    this.alerted = true;
    const { reservationId } = progress.charge;
    if (!progress.reservations.some((one) => one.reservationId === reservationId)) return progress;
    this.details.did(
      'No final answer from the payment gateway: the stock was given up, the charge is still looked up.',
    );
    return database.abandonReservation({ orderId, reservationId });
  }

  private async expire(reservationId: string): Promise<OrderProgress> {
    const progress = await database.expireReservation({ orderId: this.orderId, reservationId });
    if (!progress.reservations.some((one) => one.reservationId === reservationId))
      this.details.did('Reservation expired.');
    return progress;
  }

  private async wait(step: NextStep & { do: 'wait' }, progress: OrderProgress): Promise<OrderProgress> {
    const hasMessage = () => this.isWoken || this.paying !== undefined || this.cancelling !== undefined;
    if (step.for === 'payment') {
      const { reservationId, msLeft } = step.reservation;
      if (!(await condition(hasMessage, msLeft, { summary: 'the reservation expires' })))
        return this.expire(reservationId);
    } else {
      await condition(hasMessage);
    }
    if (!this.isWoken) return progress;
    this.isWoken = false;
    return database.readOrder(this.orderId);
  }

  private async cancel(): Promise<OrderProgress> {
    let progress = await database.cancelUnpaid(this.orderId);
    if (!hasEnded(progress.status)) progress = await this.compensate(WHOLE_ORDER);
    if (progress.cancelRequested) progress = await database.refuseCancel(this.orderId);
    this.details.did(
      progress.status === 'cancelled' ? 'Cancelled.' : `${this.refused} shipments could not be stopped.`,
    );
    this.resolveCancel(progress);
    return progress;
  }

  private async compensate(scope: CompensationScope): Promise<OrderProgress> {
    this.scope = scope;
    this.registerRefund();
    this.registerVoid();
    await this.compensation.run();
    this.details.did(`Undone: ${scope.reason}.`);
    return database.readOrder(this.orderId);
  }

  private resolvePay(result: PayResult): void {
    if (this.paying) this.paying.result = result;
    this.paying = undefined;
  }

  private resolveCancel(progress: OrderProgress): void {
    if (this.cancelling) this.cancelling.result = cancelResult(progress);
    this.cancelling = undefined;
  }

  /** A search attribute is upserted only where the task ends anyway: before a wait, and at the end. */
  private show(step: NextStep, progress: OrderProgress): void {
    this.details.now(inWords(step, progress));
    if ((step.do === 'wait' || step.do === 'finish') && this.shownStatus !== progress.status) {
      upsertSearchAttributes([{ key: ORDER_STATUS, value: progress.status }]);
      this.shownStatus = progress.status;
    }
  }
}
