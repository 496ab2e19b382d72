import { disputeBarrier, refundable, refundMayBecome } from '../../domain/payments/rules';
import type { RefundOutcome } from '../../domain/payments/gateway';
import { DisputeModel } from './dispute-model';
import type { GatewayModel } from './gateway-model';
import { hold } from './hold';
import {
  isOpen,
  isPaid,
  isUnfinished,
  sum,
  waivedMinor,
  type Capture,
  type Defect,
  type OpenCall,
  type Payment,
  type Refund,
  type Reply,
  type Reservation,
} from './order-rows';

const CURRENCY = 'USD';
const HELD_BACK_MS = 21_600_000;
const FIRST_RETRY_MS = 500;
export const LONGEST_RETRY_MS = 3_600_000;
export const DELAYED_AFTER_TRIES = 6;

export interface RefundDeps {
  gateway: GatewayModel;
  clock: { now: number };
  defect: Defect | null;
  newId: (prefix: string) => string;
}

/** The rows of an order's money, and what transactions and calls of the gateway do to its refunds. */
export class RefundModel {
  readonly payments: Payment[] = [];
  readonly captures: Capture[] = [];
  readonly refunds: Refund[] = [];
  /** What needs a person. */
  readonly attention = new Set<string>();
  /** What was asked to go back without units, minor units, by payment. */
  readonly goodwill = new Map<string, number>();

  readonly disputes: DisputeModel;

  constructor(protected readonly deps: RefundDeps) {
    this.disputes = new DisputeModel(deps.clock, deps.defect);
  }

  protected get now(): number {
    return this.deps.clock.now;
  }

  protected waitsForMoney({ status, payment }: Refund): boolean {
    if (this.deps.defect === 'refund-before-capture') return false;
    const isShort = payment.capturedMinor < payment.plannedMinor;
    const isToCome = this.capturesOf(payment).some(isUnfinished) || this.isUncertain(payment);
    return status === 'planned' && isShort && isToCome;
  }

  /** The gateway may have taken what a person settled otherwise: it tells when what is left is voided. */
  protected isUncertain(payment: Payment): boolean {
    const isVoided = payment.status !== 'authorized' && payment.status !== 'void_planned';
    return !isVoided && this.capturesOf(payment).some(({ status }) => status === 'settled_by_hand');
  }

  capturesOf(payment: Payment): Capture[] {
    return this.captures.filter((one) => one.payment === payment);
  }

  /** Units that are not delivered: of a payment that takes parcel by parcel less is captured. */
  giveBackUnits(reservation: Reservation, amountMinor: number, origin: string): void {
    const isEach = this.deps.defect === 'refund-of-what-is-not-captured';
    const own = this.payments.filter(
      (one) => one.reservation === reservation && isPaid(one) && (one.isWhole || isEach),
    );
    for (const payment of own) this.plan(payment, amountMinor, `${origin}:${payment.id}`);
  }

  giveBack(payment: Payment, amountMinor: number): void {
    if (!isPaid(payment)) return;
    const before = payment.plannedMinor;
    this.plan(payment, amountMinor, this.deps.newId('goodwill'));
    const planned = payment.plannedMinor - before;
    this.goodwill.set(payment.id, (this.goodwill.get(payment.id) ?? 0) + planned);
  }

  retryRefund(refund: Refund): void {
    if (refund.status !== 'failed') return;
    Object.assign(refund, {
      status: 'planned',
      keyNumber: refund.keyNumber + 1,
      isAsked: false,
      tries: 0,
      dueAt: this.now,
    });
    this.attention.delete(refund.id);
  }

  settleRefundByHand(refund: Refund): void {
    if (refund.status !== 'planned' && refund.status !== 'failed') return;
    refund.status = 'settled_by_hand';
    this.attention.delete(refund.id);
  }

  /** The customer's bank sends a refund back, also one that had succeeded. */
  failAtBank(refund: Refund): void {
    const made = [...this.deps.gateway.refunds.values()].find(
      ({ ref }) => ref !== null && ref === refund.gatewayRef,
    );
    if (!made || made.status === 'failed' || refund.status === 'settled_by_hand') return;
    made.status = 'failed';
    this.settleRefund(refund, failure(made.ref), refund.keyNumber);
  }

  count(row: { tries: number; dueAt: number }): void {
    if (this.deps.defect !== 'ask-stays-due')
      row.dueAt = this.now + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** row.tries);
    row.tries += 1;
  }

  /** What was told of a dispute: refunds of its payment are looked at. */
  lookAtRefunds(payment: Payment): void {
    for (const refund of this.refunds)
      if (refund.payment === payment && isOpen(refund)) refund.dueAt = this.now;
  }

  /** Counts an attempt at a refund; null: a dispute stands in its way. */
  protected claimRefund(refund: Refund): OpenCall | null {
    this.count(refund);
    if (refund.status === 'planned' && this.holdBack(refund)) return null;
    if (refund.status === 'planned') this.expectUndisputed(refund);
    refund.isAsked = true;
    return { kind: 'refund', refund, keyNumber: refund.keyNumber };
  }

  private holdBack(refund: Refund): boolean {
    const { defect } = this.deps;
    const { payment } = refund;
    const { capturedMinor } = payment;
    const refundedMinor =
      defect === 'unanswered-refund-not-counted' ? this.backMinor(payment) : this.maybeBackMinor(refund);
    const disputes = this.disputes
      .of(payment)
      .map((one) => ({ ...one, gatewayRef: one.id, currency: CURRENCY, capturedMinor, refundedMinor }));
    const barrier = disputeBarrier({ amountMinor: refund.amountMinor, currency: CURRENCY }, disputes);
    if (barrier.is === 'frozen' && defect !== 'dispute-ignored') {
      refund.dueAt = this.now + HELD_BACK_MS;
      return true;
    }
    if (barrier.is !== 'gone' || defect === 'lost-money-refunded') return false;
    if (refund.isAsked && defect !== 'unanswered-refund-ended') {
      refund.dueAt = this.now + HELD_BACK_MS;
      this.attention.add(refund.id);
      return true;
    }
    this.settleRefund(refund, failure(null), refund.keyNumber);
    return true;
  }

  /** Refunds that the gateway may have made, of money that a lost dispute has taken: a person looks there. */
  get doubtful(): Refund[] {
    return this.refunds.filter(
      (one) =>
        one.status === 'planned' &&
        one.isAsked &&
        this.disputes.lostMinor(one.payment) > 0 &&
        this.attention.has(one.id),
    );
  }

  /** Of a payment what went back, or is on its way. */
  private backMinor(payment: Payment): number {
    const back = this.refunds.filter(
      (one) => one.payment === payment && ['pending', 'succeeded'].includes(one.status),
    );
    return sum(back);
  }

  /** And what may be, besides this refund. */
  private maybeBackMinor(refund: Refund): number {
    const asked = this.refunds.filter(
      (one) => one !== refund && one.payment === refund.payment && one.status === 'planned' && one.isAsked,
    );
    return this.backMinor(refund.payment) + sum(asked);
  }

  /** What our rows know of disputes when the gateway is asked to make a refund. */
  private expectUndisputed(refund: Refund): void {
    const { payment, amountMinor } = refund;
    hold('nothing is refunded while it is disputed', !this.disputes.isFrozen(payment));
    const lostMinor = this.disputes.lostMinor(payment);
    const leftMinor = payment.capturedMinor - lostMinor - this.maybeBackMinor(refund);
    hold('what a lost dispute has taken is not refunded', lostMinor === 0 || amountMinor <= leftMinor);
  }

  protected answerRefund({ refund, keyNumber }: OpenCall & { kind: 'refund' }, reply: Reply): void {
    const made = this.deps.gateway.refund(refund, { keyNumber, reply });
    if (!made) this.recordDelay(refund);
    else if (made.ref === null || made.status === 'failed')
      this.settleRefund(refund, failure(made.ref), keyNumber);
    else this.settleRefund(refund, { status: made.status, gatewayRef: made.ref }, keyNumber);
  }

  private recordDelay(refund: Refund): void {
    if (!isOpen(refund)) return;
    if (this.deps.defect === 'new-key-without-outcome') refund.keyNumber += 1;
    if (refund.status === 'planned' && refund.tries >= DELAYED_AFTER_TRIES) this.attention.add(refund.id);
  }

  private settleRefund(refund: Refund, outcome: RefundOutcome, keyNumber: number): void {
    if (refund.status === 'settled_by_hand' && outcome.status !== 'failed')
      this.attention.add(`twice:${refund.id}`);
    const isForced = this.deps.defect === 'late-failure-wins' && outcome.status === 'failed';
    if (!isForced && !refundMayBecome(refund, outcome, keyNumber)) return;
    const by = Number(outcome.status === 'succeeded') - Number(refund.status === 'succeeded');
    refund.payment.refundedMinor += by * refund.amountMinor;
    if (refund.status !== outcome.status) Object.assign(refund, { tries: 0, dueAt: this.now });
    refund.status = outcome.status;
    refund.gatewayRef = outcome.gatewayRef ?? refund.gatewayRef;
    if (outcome.status === 'failed') this.attention.add(refund.id);
    else this.attention.delete(refund.id);
    if (outcome.status === 'failed' && this.deps.defect === 'failed-refund-unplanned')
      refund.payment.plannedMinor -= refund.amountMinor;
  }

  protected plan(payment: Payment, wantedMinor: number, origin: string): void {
    const { capturePlannedMinor, plannedMinor: refundPlannedMinor } = payment;
    // Of what a person has given up nothing goes back.
    const capturedMinor = capturePlannedMinor - waivedMinor(this.capturesOf(payment));
    const amountMinor = refundable({ capturedMinor, refundPlannedMinor }, wantedMinor);
    if (amountMinor === 0 || this.refunds.some((one) => one.origin === origin)) return;
    payment.plannedMinor += amountMinor;
    this.refunds.push({
      id: this.deps.newId('r'),
      payment,
      origin,
      amountMinor,
      status: 'planned',
      keyNumber: 1,
      gatewayRef: null,
      isAsked: false,
      tries: 0,
      dueAt: this.now,
    });
  }
}

function failure(gatewayRef: string | null): RefundOutcome {
  return { status: 'failed', gatewayRef, reason: 'refused' };
}
