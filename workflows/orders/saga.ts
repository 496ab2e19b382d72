import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  ContinueAsNew,
  continueAsNew,
  setCurrentDetails,
  setHandler,
  TemporalFailure,
  workflowInfo,
} from '@temporalio/workflow';
import type { NextStep } from '../../domain/ordering/rules';
import type { OrderProgress } from '../../domain/ordering/types';
import { inWords } from '../../domain/ordering/words/rules';
import type { OrderStatus } from '../../domain/orders/types';
import {
  amendUpdate,
  cancelUpdate,
  cutItemsUpdate,
  payUpdate,
  wakeSignal,
  type OrderSagaInput,
} from '../contract/messages';
import { database } from './activities';
import { Calls } from './calls';
import { OrderDetails } from './details';
import { asError, FailingWork } from './failing';
import { Requests } from './requests';
import { reserve } from './reserve';
import { SearchAttributes } from './search-attributes';
import { writeRequests } from './write-requests';

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

/** A step that does something. */
type Action = Exclude<NextStep, { do: 'wait' | 'finish' }>;

class OrderSaga {
  private readonly orderId: string;
  private readonly details = new OrderDetails(setCurrentDetails);
  private readonly searchAttributes = new SearchAttributes();
  private readonly requests = new Requests();
  private readonly failing = new FailingWork((what) => this.details.did(what));
  private readonly calls: Calls;
  /** The rows may have changed. */
  private isWoken = false;
  private stepsWithoutWait = 0;

  constructor(
    private readonly input: OrderSagaInput,
    private readonly root: CancellationScope,
  ) {
    this.orderId = input.order.orderId;
    this.calls = new Calls(input, this.failing, () => (this.isWoken = true));
  }

  async run(): Promise<{ status: OrderStatus }> {
    const { root, details, requests, failing, calls } = this;
    this.listen();
    let progress = await reserve(this.input.order, { root, details });
    for (;;) {
      progress = await writeRequests(progress, { requests, failing });
      requests.answer(progress);
      details.looked(progress);
      progress = await failing.tell(progress, calls.underWay);
      const step = failing.choose(progress, calls.underWay);
      // Who waits longer than that keeps the history from going on in a new one.
      if (step.do === 'wait' && this.isLong) requests.answer(progress, true);
      this.show(step, progress);
      if (step.do === 'finish' && !this.hasNews) break;
      progress = await this.take(step, progress);
    }
    requests.close(progress);
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
    setHandler(cancelUpdate, ({ reason, actor, httpRequestId }) =>
      this.requests.cancel({ reason: reason ?? 'cancelled by request', actor, httpRequestId }),
    );
    setHandler(cutItemsUpdate, (request) => this.requests.cut(request));
    setHandler(amendUpdate, (request) => this.requests.amend(request));
    this.root.cancelRequested.catch(() => this.requests.wantCancel({ reason: 'the workflow was cancelled' }));
    const { cancelReason: reason, cancelActor: actor, cancelRequestId: httpRequestId } = this.input;
    if (reason !== undefined) this.requests.wantCancel({ reason, actor, httpRequestId });
  }

  /** Does a step, or waits; one that fails changes nothing. */
  private take(step: NextStep, progress: OrderProgress): Promise<OrderProgress> {
    this.stepsWithoutWait += 1;
    const isTooLong = this.stepsWithoutWait >= STEPS_WITHOUT_WAIT;
    if (step.do === 'wait' || isTooLong) {
      this.stepsWithoutWait = 0;
      const ms = step.do === 'wait' ? step.ms : PAUSE_MS;
      return this.failing.trying('wait', progress, () => this.wait(ms));
    }
    // Something came meanwhile, so it does not end yet.
    if (step.do === 'finish') return this.failing.trying('wait', progress, () => this.readAgain());
    return this.failing.trying(step.do, progress, () => this.perform(step, progress));
  }

  private async perform(step: Action, progress: OrderProgress): Promise<OrderProgress> {
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
          'Gave up what is not delivered: its money is given back or not taken, and its stock is on sale again.',
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
        this.calls.stop(step.shipmentId);
        return progress;
      case 'ask':
        return (await this.calls.ask(step.ask)) ?? progress;
    }
  }

  /**
   * The one place where the saga waits: for a message, for a call that is under way, or until something is due.
   *
   * @param ms null: nothing will be due
   */
  private async wait(ms: number | null): Promise<OrderProgress> {
    const mayGoOn = () => this.hasNews || this.mayContinueAsNew();
    if (this.mayContinueAsNew() && !this.hasNews)
      await continueAsNew<typeof orderSaga>({ ...this.input, ...this.requests.carriedOver });
    if (ms === null) await condition(mayGoOn);
    else await condition(mayGoOn, Math.max(1, ms), { summary: 'the next that is due' });
    this.calls.throwDefect();
    const progress = await this.readAgain();
    this.failing.goOn();
    return progress;
  }

  private readAgain(): Promise<OrderProgress> {
    this.isWoken = false;
    return database.readOrder(this.orderId);
  }

  private get hasNews(): boolean {
    return this.isWoken || this.requests.isNew;
  }

  /** A history that grows long goes on in a new one when nothing is under way: the rows tell the rest. */
  private mayContinueAsNew(): boolean {
    return this.isLong && this.calls.underWay.size === 0 && allHandlersFinished();
  }

  private get isLong(): boolean {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    return continueAsNewSuggested || historyLength >= (this.input.saga.eventsPerRun ?? Infinity);
  }

  /** Search attributes are upserted only where the task ends anyway: before a wait, and at the end. */
  private show(step: NextStep, progress: OrderProgress): void {
    this.details.now(inWords(step, progress));
    if (step.do === 'wait' || step.do === 'finish') this.searchAttributes.show(progress);
  }
}

/** Somebody asked to end all or a part of it. */
function isAskedFor({ cancel, cuts }: OrderProgress): boolean {
  return cancel === 'open' || cancel === 'done' || cuts.some(({ isOpen }) => isOpen);
}
