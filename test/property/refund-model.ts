import { refundable, refundMayBecome } from '../../domain/payments/rules';
import type { RefundOutcome } from '../../domain/payments/gateway';
import type { GatewayModel } from './gateway-model';
import {
  isOpen,
  isPaid,
  isUnfinished,
  waivedMinor,
  type Capture,
  type Defect,
  type OpenCall,
  type Payment,
  type Refund,
  type Reply,
  type Reservation,
} from './order-rows';

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 3_600_000;
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

  constructor(protected readonly deps: RefundDeps) {}

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
    Object.assign(refund, { status: 'planned', keyNumber: refund.keyNumber + 1, tries: 0, dueAt: this.now });
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
      tries: 0,
      dueAt: this.now,
    });
  }
}

function failure(gatewayRef: string | null): RefundOutcome {
  return { status: 'failed', gatewayRef, reason: 'refused' };
}
