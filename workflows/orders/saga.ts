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
import { Compensation, FAILED_SHIPMENTS, WHOLE_ORDER, type Cut } from './compensation';
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
 * One order: reserve, take the money, ship, and undo exactly what was done when anything fails or nobody pays in time.
 *
 * The order's rows are the truth. Every step answers where the order stands, `nextStep` chooses from that alone, and signals
 * are doorbells; so a saga that is started again after its death carries on, and doubled or reordered messages do no harm.
 */
export async function orderSaga(input: OrderSagaInput): Promise<{ status: OrderStatus }> {
  const root = CancellationScope.current();
  try {
    // Nothing in here is cut off: a cancellation of the workflow is a wish to cancel the order, and is carried out.
    return await CancellationScope.nonCancellable(() => new OrderSaga(input, root).run());
  } catch (error) {
    if (error instanceof TemporalFailure) throw error;
    // A plain error would retry the workflow task for ever. Failed, the saga is seen, and the sweep starts it again.
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
  private rung = false;
  private paying: (Waiting<PayRequest, PayResult> & { paymentId?: string }) | undefined;
  private cancelling: Waiting<string, CancelResult> | undefined;
  private shownStatus: OrderStatus | undefined;
  private resolveTries = 0;
  private alerted = false;
  /** What a compensation undoes: by default what failed, on a cancellation all of it. */
  private cut: Cut = FAILED_SHIPMENTS;
  private refused = 0;
  /** What a reserve that was given up leaves behind. */
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
    this.answerCancel(progress);
    this.answerPay({ outcome: 'refused', code: notPayable(progress), paymentId: null });
    await condition(allHandlersFinished);
    return { status: progress.status };
  }

  /** Registered before the first await: a message may come with the very first task. */
  private listen(): void {
    setHandler(wakeSignal, () => {
      this.rung = true;
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
    if (this.progress && !this.progress.holds.some((hold) => hold.status === 'pending')) {
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
          ? undoing.holding.releaseCutShipments({ orderId: this.orderId, ...this.cut.end })
          : undoing.holding.undoReserve({ order, ...this.unreserved }));
      },
    });
    const scope = new CancellationScope();
    this.root.cancelRequested.catch(() => scope.cancel());
    try {
      const { verdict, progress, code } = await scope.run(() => database.reserveOrder(order));
      if (!progress) throw ApplicationFailure.nonRetryable('a verdict without an order', 'SAGA_DEFECT');
      const held = progress.holds.length > 0 ? 'Stock reserved.' : 'Queued for stock.';
      this.details.did(verdict === 'held' ? held : `Not reserved: ${code ?? verdict}.`);
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

  /** What an earlier run of this saga may have done is to be undone like its own steps. */
  private resume(progress: OrderProgress): void {
    if (progress.holds.some((hold) => hold.status !== 'pending')) this.registerRefund();
    if (progress.holds.some((hold) => hold.status === 'confirmed')) this.registerVoid();
  }

  private registerRefund(): void {
    this.compensation.register('charge', {
      what: 'give the money back',
      run: async () => {
        await undoing.paying.refundOrder({ orderId: this.orderId, reason: this.cut.reason });
      },
    });
  }

  private registerVoid(): void {
    this.compensation.register('ship', {
      what: 'stop the shipments at the carrier',
      run: async () => {
        const { refused } = await undoing.shipping.voidShipments({
          orderId: this.orderId,
          which: this.cut.which,
        });
        this.refused = refused;
      },
    });
  }

  /** Turns waiting requests into rows, which is what steps are chosen from and what survives this saga. */
  private async takeRequests(progress: OrderProgress): Promise<OrderProgress> {
    const { orderId, cancelling, paying } = this;
    if (hasEnded(progress.status)) return progress;
    if (cancelling && !progress.cancelRequested) {
      if (mayCancel(progress)) return database.requestCancel({ orderId, reason: cancelling.request });
      this.answerCancel(progress);
      // The wait for it has used up some of the time that the hold had left.
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
    if (!begun.begun) this.answerPay({ outcome: 'refused', code: begun.code, paymentId: null });
    else if (begun.status === 'pending') paying.paymentId = begun.paymentId;
    else this.answerPay({ outcome: payOutcome(begun.status), paymentId: begun.paymentId });
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
    if (outcome.status === 'unknown') return this.holdUnknown(paymentId);
    this.registerVoid();
    const progress = await database.settleCharge({ paymentId, outcome });
    this.resolveTries = 0;
    if (this.alerted) upsertSearchAttributes([{ key: COMPENSATION_STUCK, value: false }]);
    this.alerted = false;
    this.details.did(`Payment ${outcome.status}.`);
    if (this.paying?.paymentId === paymentId) this.answerPay({ outcome: outcome.status, paymentId });
    return progress;
  }

  /** Waits, but no longer than until somebody rings. */
  private async pause(ms: number, summary: string): Promise<void> {
    this.rung = false;
    await condition(() => this.rung, ms, { summary });
  }

  private async askGateway(paymentId: string): Promise<ChargeOutcome> {
    try {
      return await this.gateway.chargePayment(paymentId);
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      return { status: 'unknown' };
    }
  }

  /** Stock may be held for an answer that does not come, but not for ever. */
  private async holdUnknown(paymentId: string): Promise<OrderProgress> {
    const { orderId } = this;
    const progress = await database.recordUnknownCharge({ orderId, paymentId });
    if (this.paying?.paymentId === paymentId) this.answerPay({ outcome: 'unknown', paymentId });
    if (!progress.charge || progress.charge.ageSeconds <= this.input.timeouts.paymentUnknownSeconds)
      return progress;
    if (!this.alerted) upsertSearchAttributes([{ key: COMPENSATION_STUCK, value: true }]);
    this.alerted = true;
    const { reservationId } = progress.charge;
    if (!progress.holds.some((hold) => hold.reservationId === reservationId)) return progress;
    this.details.did(
      'No final answer from the payment gateway: the stock was given up, the charge is still looked up.',
    );
    return database.abandonReservation({ orderId, reservationId });
  }

  private async expire(reservationId: string): Promise<OrderProgress> {
    const progress = await database.expireReservation({ orderId: this.orderId, reservationId });
    if (!progress.holds.some((hold) => hold.reservationId === reservationId))
      this.details.did('Hold expired.');
    return progress;
  }

  private async wait(step: NextStep & { do: 'wait' }, progress: OrderProgress): Promise<OrderProgress> {
    const called = () => this.rung || this.paying !== undefined || this.cancelling !== undefined;
    if (step.for === 'payment') {
      const { reservationId, msLeft } = step.reservation;
      if (!(await condition(called, msLeft, { summary: 'the hold expires' })))
        return this.expire(reservationId);
    } else {
      await condition(called);
    }
    if (!this.rung) return progress;
    this.rung = false;
    return database.readOrder(this.orderId);
  }

  private async cancel(): Promise<OrderProgress> {
    let progress = await database.cancelUnpaid(this.orderId);
    if (!hasEnded(progress.status)) progress = await this.compensate(WHOLE_ORDER);
    if (progress.cancelRequested) progress = await database.refuseCancel(this.orderId);
    this.details.did(
      progress.status === 'cancelled' ? 'Cancelled.' : `${this.refused} shipments could not be stopped.`,
    );
    this.answerCancel(progress);
    return progress;
  }

  private async compensate(cut: Cut): Promise<OrderProgress> {
    this.cut = cut;
    this.registerRefund();
    this.registerVoid();
    await this.compensation.run();
    this.details.did(`Undone: ${cut.reason}.`);
    return database.readOrder(this.orderId);
  }

  private answerPay(result: PayResult): void {
    if (this.paying) this.paying.result = result;
    this.paying = undefined;
  }

  private answerCancel(progress: OrderProgress): void {
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
