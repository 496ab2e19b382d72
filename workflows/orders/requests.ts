import { condition } from '@temporalio/workflow';
import type { OrderProgress, PayRefusal } from '../../domain/ordering/types';
import type { PaymentStatus } from '../../domain/payments/types';
import type {
  AmendOrderRequest,
  AmendResult,
  Asked,
  CancelResult,
  CutItemsRequest,
  CutItemsResult,
  OrderSagaInput,
  PayRequest,
  PayResult,
} from '../contract/messages';
import { WrittenRequests, type Waiting } from './written-requests';

/** The longest that an update stays open: less than its caller waits (`DEADLINES_MS.slowCall`). After that the rows tell. */
const LONGEST_MS = 8_000;
const SOON_MS = 5_000;

/** Why an order is to be cancelled, and who asked for it. */
export interface CancelWish extends Asked {
  reason: string;
}

export interface WaitingPayment extends Waiting<PayResult> {
  request: PayRequest;
  /** Once its charge has begun. */
  paymentId?: string;
}

/**
 * The requests that wait for the saga's main loop, which alone acts. A request is written to rows before it is acted on; what
 * is kept here is only who waits for the outcome.
 */
export class Requests {
  private payments: WaitingPayment[] = [];
  /** That the order is to be cancelled; until that is written. */
  private cancelWish: CancelWish | undefined;
  /** It could not be written, and is tried again with what failed. */
  private isCancelPutOff = false;
  private cancels: Waiting<CancelResult>[] = [];
  readonly cuts = new WrittenRequests<CutItemsRequest, CutItemsResult>();
  readonly amendments = new WrittenRequests<AmendOrderRequest, AmendResult>();
  private final: OrderProgress | undefined;

  async pay(request: PayRequest): Promise<PayResult> {
    if (this.final) return refusedPay(whyOver(this.final));
    const mine: WaitingPayment = { request };
    this.payments.push(mine);
    await condition(() => mine.result !== undefined || mine.failure !== undefined, LONGEST_MS);
    this.payments = this.payments.filter((one) => one !== mine);
    if (mine.failure) throw mine.failure;
    return (
      mine.result ??
      (mine.paymentId ? { outcome: 'unknown', paymentId: mine.paymentId } : refusedPay('PAYMENT_IN_PROGRESS'))
    );
  }

  async cancel(wish: CancelWish): Promise<CancelResult> {
    if (this.final) return cancelResult(this.final);
    this.wantCancel(wish);
    const mine: Waiting<CancelResult> = {};
    this.cancels.push(mine);
    await condition(() => mine.result !== undefined, LONGEST_MS);
    this.cancels = this.cancels.filter((one) => one !== mine);
    return mine.result ?? { outcome: 'pending' };
  }

  async cut(request: CutItemsRequest): Promise<CutItemsResult> {
    if (this.final) return cutResult(this.final, request.requestId) ?? REFUSED;
    return (await this.cuts.ask(request, untilBound)) ?? { outcome: 'pending' };
  }

  async amend(request: AmendOrderRequest): Promise<AmendResult> {
    if (this.final) return amendResult(this.final, request.requestId) ?? NOT_AMENDABLE;
    return (await this.amendments.ask(request, untilBound)) ?? { outcome: 'pending' };
  }

  /** Of a request that nobody waits for: the workflow itself is cancelled. */
  wantCancel(wish: CancelWish): void {
    this.cancelWish ??= wish;
    this.isCancelPutOff = false;
  }

  /** That could not be written to rows: it is tried again, and is no news until then. */
  putOffCancel(wish: CancelWish): void {
    this.cancelWish = wish;
    this.isCancelPutOff = true;
  }

  /** What another run has to write. */
  get carriedOver(): Pick<OrderSagaInput, 'cancelReason' | 'cancelActor' | 'cancelRequestId'> {
    if (this.cancelWish === undefined) return {};
    const { reason, actor, httpRequestId } = this.cancelWish;
    return {
      cancelReason: reason,
      ...(actor === undefined ? {} : { cancelActor: actor }),
      ...(httpRequestId === undefined ? {} : { cancelRequestId: httpRequestId }),
    };
  }

  /** True while one is not written to rows yet. */
  get isNew(): boolean {
    const isCancelNew = this.cancelWish !== undefined && !this.isCancelPutOff;
    return isCancelNew || this.nextPayment !== undefined || this.cuts.isNew || this.amendments.isNew;
  }

  takeCancel(): CancelWish | undefined {
    const wish = this.cancelWish;
    this.cancelWish = undefined;
    return wish;
  }

  /** The oldest payment whose charge has not begun. */
  get nextPayment(): WaitingPayment | undefined {
    return this.payments.find(
      ({ paymentId, result, failure }) => (paymentId ?? result ?? failure) === undefined,
    );
  }

  /**
   * Tells those who wait what the rows say.
   *
   * @param isClosing nobody waits any longer: the history is to go on in a new one
   */
  answer(progress: OrderProgress, isClosing = false): void {
    for (const one of this.payments) {
      const payment = progress.payments.find(({ paymentId }) => paymentId === one.paymentId);
      const outcome = payment && payOutcome(payment.status);
      if (payment && outcome) one.result = { outcome, paymentId: payment.paymentId };
      else if (payment && isClosing) one.result = { outcome: 'unknown', paymentId: payment.paymentId };
    }
    // Money that goes back or is voided within moments is waited for; what takes longer is told by the order.
    const isSettling = progress.mayCapture || progress.asks.some(({ msLeft }) => msLeft <= SOON_MS);
    this.cuts.answer((id) => (isClosing ? PENDING : isSettling ? undefined : cutResult(progress, id)));
    this.amendments.answer((id) => {
      const result = amendResult(progress, id);
      if (result?.outcome === 'amended' && isSettling && !isClosing) return undefined;
      return result ?? (isClosing ? PENDING : undefined);
    });
    const isDecided = progress.cancel !== 'open' && this.cancelWish === undefined;
    for (const one of this.cancels) {
      if (isDecided && !isSettling) one.result = cancelResult(progress);
      else if (isClosing && this.cancelWish === undefined) one.result = { outcome: 'pending' };
    }
  }

  /** Tells all who wait, and whoever asks from now on, how the order ended. */
  close(progress: OrderProgress): void {
    this.final = progress;
    this.answer(progress);
  }
}

export function refusedPay(code: PayRefusal): PayResult {
  return { outcome: 'refused', code, paymentId: null };
}

/** Undefined: it is not known yet. */
function payOutcome(status: PaymentStatus): Extract<PayResult, { paymentId: string }>['outcome'] | undefined {
  switch (status) {
    case 'pending':
    case 'unknown':
      return undefined;
    case 'requires_action':
    case 'declined':
    case 'authorized':
      return status;
    case 'void_planned':
    case 'voided':
      return 'authorized';
    case 'failed':
    case 'captured':
    case 'refunded':
    case 'partially_refunded':
      return 'captured';
  }
}

function whyOver({ status }: OrderProgress): PayRefusal {
  return status === 'expired' ? 'HOLD_EXPIRED' : 'ORDER_NOT_PAYABLE';
}

const REFUSED = { outcome: 'refused', code: 'NOT_CANCELLABLE' } as const;
const NOT_AMENDABLE = { outcome: 'refused', code: 'NOT_AMENDABLE' } as const;
const PENDING = { outcome: 'pending' } as const;

function untilBound(isDecided: () => boolean): Promise<boolean> {
  return condition(isDecided, LONGEST_MS);
}

/** Undefined: it is still under way. */
function amendResult({ amendments = [] }: OrderProgress, requestId: string): AmendResult | undefined {
  const amendment = amendments.find((one) => one.requestId === requestId);
  switch (amendment?.state) {
    case 'open':
      return undefined;
    case 'done':
      return { outcome: 'amended' };
    default:
      return { outcome: 'refused', code: amendment?.code ?? 'NOT_AMENDABLE' };
  }
}

/** Undefined: it is still under way. */
function cutResult({ cuts }: OrderProgress, requestId: string): CutItemsResult | undefined {
  const cut = cuts.find((one) => one.requestId === requestId);
  if (cut?.isOpen) return undefined;
  return cut && cut.units > 0 ? { outcome: 'cut' } : REFUSED;
}

function cancelResult({ status, cancel }: OrderProgress): CancelResult {
  return status === 'cancelled' || cancel === 'done' ? { outcome: 'cancelled' } : REFUSED;
}
