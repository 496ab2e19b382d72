import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  ContinueAsNew,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  setHandler,
  TemporalFailure,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { ALL_SHIPMENTS, mayCancel, type NextStep } from '../../domain/ordering/rules';
import type { GatewayAsk, OrderProgress } from '../../domain/ordering/types';
import type { OrderStatus } from '../../domain/orders/types';
import {
  amendUpdate,
  ATTENTION,
  cancelUpdate,
  cutItemsUpdate,
  ORDER_STATUS,
  payUpdate,
  wakeSignal,
  type OrderSagaInput,
} from '../contract/messages';
import { briefly, carriers, database, gatewayActivities } from './activities';
import { inWords, OrderDetails } from './details';
import { FailingWork, writing } from './failing';
import { refusedPay, Requests, type WaitingPayment } from './requests';

/** So many steps in a row without a wait are a defect: it waits a little then, so that it stays an order that can be cancelled. */
const STEPS_WITHOUT_WAIT = 50;
const PAUSE_MS = 1_000;

/** What becomes of an order of which nothing was delivered. */
const CANCELLED = { endAs: 'cancelled' } as const;
const CARRIER_FAILED = {
  endAs: 'failed',
  failure: { code: 'CARRIER_FAILED', detail: 'The carrier could not take any of it.' },
} as const;

/**
 * One order: reserve, take the money, ship; give back what is not delivered.
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
    if (error instanceof TemporalFailure || error instanceof ContinueAsNew) throw error;
    // A plain error would retry the workflow task for ever. A failed saga is visible, and the reconciler starts it again.
    throw ApplicationFailure.nonRetryable(asError(error).message, 'SAGA_DEFECT');
  }
}

class OrderSaga {
  private readonly orderId: string;
  private readonly gateway: ReturnType<typeof gatewayActivities>;
  private readonly details = new OrderDetails(setCurrentDetails);
  private readonly requests = new Requests();
  /** Calls that are under way beside the steps. */
  private readonly underWay = new Set<string>();
  /** Charges and refunds that the gateway did not answer in a workflow task. */
  private readonly slow = new Set<string>();
  private readonly failing = new FailingWork((what) => this.details.did(what));
  private isWoken = false;
  private defect: Error | undefined;
  private shown: { status?: OrderStatus; attention: string } = { attention: '' };

  constructor(
    private readonly input: OrderSagaInput,
    private readonly root: CancellationScope,
  ) {
    this.orderId = input.order.orderId;
    this.gateway = gatewayActivities(input.saga);
  }

  async run(): Promise<{ status: OrderStatus }> {
    this.listen();
    let progress = await this.reserve();
    let before: OrderProgress | undefined;
    for (let steps = 1; ; steps++) {
      progress = await this.takeRequests(progress);
      this.requests.answer(progress);
      this.details.changed(before, progress);
      let step = this.failing.choose(progress, this.underWay);
      const told = await this.failing.tell(progress);
      if (told) step = this.failing.choose((progress = told), this.underWay);
      before = progress;
      // Who waits longer than that keeps the history from going on in a new one.
      if (step.do === 'wait' && this.isLong) this.requests.answer(progress, true);
      this.show(step, progress);
      if (step.do === 'finish' && !this.requests.isNew && !this.isWoken) break;
      if (step.do === 'wait' || steps >= STEPS_WITHOUT_WAIT) steps = 0;
      const now = progress;
      progress = await this.failing.trying(step.do, now, () =>
        steps === 0 ? this.wait(step) : this.perform(step, now),
      );
    }
    this.requests.close(progress);
    await condition(allHandlersFinished);
    return { status: progress.status };
  }

  /** Registered before the first await: a message may come with the very first task. */
  private listen(): void {
    setHandler(wakeSignal, () => {
      this.isWoken = true;
    });
    // Nothing is validated: whether it can be paid or cancelled is decided by the rows, in the transaction that does it.
    setHandler(payUpdate, (request) => this.requests.pay(request));
    setHandler(cancelUpdate, ({ reason }) => this.requests.cancel(reason ?? 'cancelled by request'));
    setHandler(cutItemsUpdate, (request) => this.requests.cut(request));
    setHandler(amendUpdate, (request) => this.requests.amend(request));
    this.root.cancelRequested.catch(() => this.requests.wantCancel('the workflow was cancelled'));
    if (this.input.cancelReason !== undefined) this.requests.wantCancel(this.input.cancelReason);
  }

  /** Tried for as long as PostgreSQL is away. What cannot succeed leaves a failed order, which a late reserve finds. */
  private async reserve(): Promise<OrderProgress> {
    const { order } = this.input;
    this.details.now('Reserving stock.');
    const cancellable = new CancellationScope();
    this.root.cancelRequested.catch(() => cancellable.cancel());
    try {
      const { outcome, progress, code } = await cancellable.run(() => database.reserveOrder(order));
      if (!progress) throw ApplicationFailure.nonRetryable('an outcome without an order', 'SAGA_DEFECT');
      this.details.did(outcome === 'reserved' ? takenUp(progress) : `Not reserved: ${code ?? outcome}.`);
      return progress;
    } catch (error) {
      if (!(error instanceof TemporalFailure)) throw error;
      const code = isCancellation(error) ? 'CANCELLED' : failureType(error);
      this.details.did(`Reservation given up: ${code}.`);
      this.details.now('Undoing the reservation.');
      const detail = 'The order could not be reserved and was undone.';
      return database.undoReserve({ order, code, detail });
    }
  }

  /**
   * Writes waiting requests to rows: steps are chosen from rows, and rows outlive this saga. One that cannot be written is refused, but
   * for a request to cancel, which is tried again: nobody may be there to repeat it.
   */
  private async takeRequests(progress: OrderProgress): Promise<OrderProgress> {
    const { orderId } = this;
    const reason = this.requests.takeCancel();
    if (reason !== undefined && mayCancel(progress)) {
      progress = await this.failing.trying(
        'request-cancel',
        progress,
        () => database.requestCancel({ orderId, reason }),
        () => this.requests.putOffCancel(reason),
      );
    }
    const { cuts, amendments } = this.requests;
    for (let one = cuts.next; one; one = cuts.next) {
      const { request } = one;
      progress = await writing(one, progress, () => database.requestCut({ orderId, ...request }));
      one.isWritten = true;
    }
    for (let one = amendments.next; one; one = amendments.next) {
      const { request } = one;
      progress = await writing(one, progress, () => database.requestAmend({ orderId, ...request }));
      one.isWritten = true;
    }
    for (let one = this.requests.nextPayment; one; one = this.requests.nextPayment) {
      const payment = one;
      progress = await writing(one, progress, () => this.beginCharge(payment));
    }
    return progress;
  }

  private async beginCharge(one: WaitingPayment): Promise<OrderProgress> {
    const { orderId } = this;
    const { updateId, ...payment } = one.request;
    const begun = await database.beginCharge({ orderId, updateId, payment, reservationId: null });
    if (begun.begun) one.paymentId = begun.paymentId;
    else one.result = refusedPay(begun.code);
    return begun.progress;
  }

  private async perform(step: NextStep, progress: OrderProgress): Promise<OrderProgress> {
    const { orderId } = this;
    switch (step.do) {
      case 'cancel':
        return database.cancelUndelivered(orderId);
      case 'conclude-cancel':
        return database.concludeCancel(orderId);
      case 'cut':
        return database.cutUnits(orderId);
      case 'decide-review':
        this.details.did('Nobody has decided about it in time.');
        return database.decideReviewByDeadline(orderId);
      case 'amend':
        return database.amendOrder(orderId);
      case 'stop-doubled':
        return database.stopDoubledShipments(orderId);
      case 'release-stopped':
        this.details.did(
          'Gave up what is not delivered: its money is released or given back, and its stock is on sale again.',
        );
        return database.releaseStoppedShipments({
          orderId,
          ...(isAskedFor(progress) ? CANCELLED : CARRIER_FAILED),
        });
      case 'expire':
        this.details.did('Reservation past due.');
        return database.expireReservation({ orderId, reservationId: step.reservationId });
      case 'give-up-backorders':
        this.details.did('Waited for stock long enough.');
        return database.giveUpBackorders(orderId);
      case 'begin-charge': {
        const { reservationId } = step;
        const updateId = `allocation:${reservationId}`;
        return (await database.beginCharge({ orderId, updateId, payment: null, reservationId })).progress;
      }
      case 'settle-authorizations':
        return database.settleAuthorizations(orderId);
      case 'act-on-lapse':
        this.details.did('The authorisation is about to lapse.');
        return database.actOnLapse(orderId);
      case 'stop':
        // One call for each parcel: one about which the carrier hangs delays no other.
        return this.beside(
          { kind: 'stop', id: step.shipmentId },
          carriers.stopShipments(orderId, step.shipmentId === ALL_SHIPMENTS ? undefined : [step.shipmentId]),
          progress,
        );
      case 'ask':
        return this.ask(step.ask, progress);
      case 'wait':
      case 'finish':
        this.isWoken = false;
        return database.readOrder(orderId);
    }
  }

  /** In the workflow task where the gateway is fast; beside the steps where it is not, or did not respond. */
  private async ask({ kind, id, tries }: GatewayAsk, progress: OrderProgress): Promise<OrderProgress> {
    const { orderId } = this;
    const { gatewayIsFast, firstRetryMs, paymentUnknownSeconds } = this.input.saga;
    const request = {
      orderId,
      ask: { kind, id },
      firstRetrySeconds: firstRetryMs / 1_000,
      unknownLimitSeconds: paymentUnknownSeconds,
    };
    if (!gatewayIsFast || tries > 0 || this.slow.has(id))
      return this.beside({ kind: `ask-${kind}`, id }, this.gateway.askGateway(request), progress);
    try {
      return await briefly.askGatewayBriefly(request);
    } catch (error) {
      if (!(error instanceof TemporalFailure)) throw error;
      this.slow.add(id);
      return database.readOrder(orderId);
    }
  }

  /** Goes on while a call is under way; its end is a reason to read the rows. A call that fails is due again by its row. */
  private beside(
    { kind, id }: { kind: string; id: string },
    call: Promise<OrderProgress>,
    progress: OrderProgress,
  ): OrderProgress {
    this.underWay.add(id);
    void call
      .then(() => this.failing.callEnded(id, kind))
      .catch((error: unknown) => {
        if (!(error instanceof ActivityFailure)) this.defect = asError(error);
        else this.failing.callEnded(id, kind, error);
      })
      .then(() => {
        this.underWay.delete(id);
        this.isWoken = true;
      });
    return progress;
  }

  /** The one place where the saga waits: for a message, for a call that is under way, or until something is due. */
  private async wait(step: NextStep): Promise<OrderProgress> {
    const hasNews = () => this.isWoken || this.requests.isNew || this.mayContinueAsNew();
    if (this.mayContinueAsNew() && !this.isWoken && !this.requests.isNew)
      await continueAsNew<typeof orderSaga>({ ...this.input, ...this.requests.carriedOver });
    const ms = step.do === 'wait' ? step.ms : PAUSE_MS;
    if (ms === null) await condition(hasNews);
    else await condition(hasNews, Math.max(1, ms), { summary: 'the next that is due' });
    if (this.defect) throw this.defect;
    this.isWoken = false;
    const progress = await database.readOrder(this.orderId);
    this.failing.goOn();
    return progress;
  }

  /** A history that grows long goes on in a new one when nothing is under way: the rows tell the rest. */
  private mayContinueAsNew(): boolean {
    return this.isLong && this.underWay.size === 0 && allHandlersFinished();
  }

  private get isLong(): boolean {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    return continueAsNewSuggested || historyLength >= (this.input.saga.eventsPerRun ?? Infinity);
  }

  /** Search attributes are upserted only where the task ends anyway: before a wait, and at the end. */
  private show(step: NextStep, progress: OrderProgress): void {
    this.details.now(inWords(step, progress));
    if (step.do !== 'wait' && step.do !== 'finish') return;
    const { status, attention } = progress;
    const needs = attention.join();
    if (needs !== this.shown.attention) {
      upsertSearchAttributes([{ key: ATTENTION, value: attention.length > 0 ? attention : null }]);
    }
    if (status !== this.shown.status) upsertSearchAttributes([{ key: ORDER_STATUS, value: status }]);
    this.shown = { status, attention: needs };
  }
}

/** How a saga begins, also one that is started again. */
function takenUp({ status, reservations }: OrderProgress): string {
  if (status !== 'reserved') return `Taken up again: ${status}.`;
  return reservations.length > 0 ? 'Stock reserved.' : 'Queued for stock.';
}

/** Somebody asked to end all or a part of it. */
function isAskedFor({ cancel, cuts }: OrderProgress): boolean {
  return cancel === 'open' || cancel === 'done' || cuts.some(({ isOpen }) => isOpen);
}

/** A local activity throws its own failure where it failed, an `ActivityFailure` only where it was cancelled or timed out. */
function failureType(error: TemporalFailure): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure ? (cause.type ?? 'RESERVE_FAILED') : 'RESERVE_FAILED';
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
