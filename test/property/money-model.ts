import type { GatewayAsk } from '../../domain/ordering/types';
import { captureNeeds, isInFlight, wholeCapture, type PaidUnits } from '../../domain/payments/rules';
import type { CaptureOutcome, KeySpent } from '../../domain/payments/gateway';
import { DELAYED_AFTER_TRIES, RefundModel, type RefundDeps } from './refund-model';
import {
  isOpen,
  isUnfinished,
  sum,
  worth,
  type Capture,
  type OpenCall,
  type Payment,
  type Refund,
  type Reply,
  type Reservation,
  type Seed,
} from './order-rows';

/** So often the gateway may refuse a capture before a person is told. */
const REFUSALS = 4;
/** How long a customer may take to authenticate, and how often that is looked at. */
const ACTION_MS = 900_000;
const FIRST_LOOK_MS = 1_000;
const LONGEST_LOOK_MS = 60_000;
/** So long before the gateway drops an authorisation something is done, at most half of the time that is left. */
const LAPSE_MARGIN_MS = 3_600_000;

interface Deps extends RefundDeps {
  seed: Pick<Seed, 'authorized'>;
  unitsOf: (reservation: Reservation) => PaidUnits;
}

/** The rows of an order's money, and what transactions and calls of the gateway do to them. Rules are those of the product. */
export class MoneyModel extends RefundModel {
  constructor(protected override readonly deps: Deps) {
    super(deps);
  }

  asks(): GatewayAsk[] {
    const payments = [
      ...this.payments.filter(isInFlight).map((one) => this.askOf('charge', one)),
      ...this.payments
        .filter(({ status }) => status === 'void_planned')
        .map((one) => this.askOf('void', one)),
    ];
    const captures = this.captures.filter((one) => one.status === 'planned' && !this.waitsForCapture(one));
    const refunds = this.refunds.filter((one) => isOpen(one) && !this.waitsForMoney(one));
    return [
      ...payments,
      ...captures.map((one) => this.askOf('capture', one)),
      ...refunds.map((one) => this.askOf('refund', one)),
    ].sort((a, b) => a.msLeft - b.msLeft);
  }

  private askOf(kind: GatewayAsk['kind'], { id, tries, dueAt }: Payment | Capture | Refund): GatewayAsk {
    return { kind, id, tries, msLeft: dueAt - this.now };
  }

  private waitsForCapture(capture: Capture): boolean {
    if (this.deps.defect === 'captures-at-once') return false;
    const planned = this.capturesOf(capture.payment).filter(({ status }) => status === 'planned');
    // One that was asked for under its present key may be under way.
    return capture !== (planned.find(({ isFinal }) => isFinal !== null) ?? planned[0]);
  }

  get lapseMsLeft(): number | null {
    const times = this.payments.flatMap(({ status, lapseAt }) =>
      status === 'authorized' && lapseAt !== null ? [lapseAt - this.now] : [],
    );
    return times.length === 0 ? null : Math.min(...times);
  }

  get mayCapture(): boolean {
    return this.payments.some((payment) => {
      if (payment.status !== 'authorized') return false;
      const { parcels, isOpen: mayShip } = this.deps.unitsOf(payment.reservation);
      const captures = this.capturesOf(payment);
      const isMissing = ({ shipmentId }: { shipmentId: string }) =>
        !this.isMulticapture || !captures.some((one) => one.shipmentId === shipmentId);
      const mayVoid = this.deps.defect === 'void-while-capture-is-open' || !captures.some(isUnfinished);
      const isOver = !mayShip && this.deps.defect !== 'void-forgotten' && mayVoid;
      return (!payment.isWhole && parcels.some(isMissing)) || isOver;
    });
  }

  private get isMulticapture(): boolean {
    return this.deps.seed.authorized.multicapture;
  }

  /* Charges. */

  charge(reservation: Reservation, by: Pick<Payment, 'offSession' | 'captureLater'>): void {
    Object.assign(reservation, { status: 'charging', attempt: reservation.attempt + 1 });
    this.payments.push({
      id: this.deps.newId('p'),
      reservation,
      status: 'pending',
      amountMinor: worth(reservation.lines, ({ open }) => open),
      capturePlannedMinor: 0,
      capturedMinor: 0,
      plannedMinor: 0,
      refundedMinor: 0,
      serves: true,
      ...by,
      isWhole: false,
      actionUntil: null,
      captureBefore: null,
      lapseAt: null,
      tries: 0,
      firstAskedAt: null,
      dueAt: this.now,
    });
  }

  /** The payment of a reservation that is charged waits for its customer, so that another may take its place. */
  waiting(reservations: readonly Reservation[]): Payment | undefined {
    return this.payments.find(
      ({ status, serves, reservation }) =>
        status === 'requires_action' && serves && reservations.includes(reservation),
    );
  }

  takePlaceOf(payment: Payment, by: Pick<Payment, 'offSession' | 'captureLater'>): void {
    if (this.deps.defect !== 'replaced-payment-serves') payment.serves = false;
    payment.dueAt = this.now;
    this.charge(payment.reservation, by);
  }

  isWanted({ reservation, serves }: Payment): boolean {
    return serves && reservation.status === 'charging';
  }

  /** What was said of a charge whose reservation does not wait for it: it goes back, or is voided. */
  settleUnwanted(payment: Payment, outcome: 'captured' | 'authorized' | 'declined'): void {
    this.settlePayment(payment, outcome, { isWanted: false });
    if (outcome === 'captured' && this.deps.defect !== 'unwanted-charge-kept')
      this.plan(payment, payment.amountMinor, payment.id);
  }

  settlePayment(
    payment: Payment,
    outcome: 'captured' | 'authorized' | 'declined',
    { isWanted }: { isWanted: boolean },
  ): void {
    this.attention.delete(payment.id);
    payment.status = outcome;
    if (outcome === 'captured') {
      const { amountMinor } = payment;
      Object.assign(payment, { isWhole: true, capturePlannedMinor: amountMinor, capturedMinor: amountMinor });
    } else if (outcome === 'authorized') {
      const captureBefore = this.deps.gateway.charges.get(payment.id)?.captureBefore ?? this.now;
      const margin = Math.min(LAPSE_MARGIN_MS, Math.max(0, (captureBefore - this.now) / 2));
      const lapseAt = Math.ceil(captureBefore - margin);
      Object.assign(payment, { captureBefore, lapseAt, tries: 0, dueAt: this.now });
      if (!isWanted)
        payment.status = this.deps.defect === 'unwanted-authorization-kept' ? 'voided' : 'void_planned';
    }
  }

  waitForCustomer(payment: Payment): void {
    if (payment.status !== 'requires_action')
      Object.assign(payment, { status: 'requires_action', tries: 1, dueAt: this.now + FIRST_LOOK_MS });
    if (this.deps.defect !== 'customer-awaited-for-ever') payment.actionUntil ??= this.now + ACTION_MS;
  }

  /* Calls: each is counted, and the next is due, before it is made. */

  claim({ kind, id }: GatewayAsk): OpenCall | null {
    if (kind === 'charge' || kind === 'void') {
      const payment = this.payments.find((one) => one.id === id);
      if (!payment) return null;
      if (kind === 'void') {
        this.count(payment);
        return { kind, payment };
      }
      return this.claimCharge(payment);
    }
    if (kind === 'capture') return this.claimCapture(this.captures.find((one) => one.id === id));
    const refund = this.refunds.find((one) => one.id === id);
    return refund ? this.claimRefund(refund) : null;
  }

  private claimCharge(payment: Payment): OpenCall {
    const { actionUntil, tries } = payment;
    payment.firstAskedAt ??= this.now;
    this.count(payment);
    if (actionUntil !== null && this.deps.defect !== 'ask-stays-due') {
      const look = this.now + Math.min(LONGEST_LOOK_MS, FIRST_LOOK_MS * 2 ** tries);
      payment.dueAt = Math.min(look, Math.max(actionUntil, this.now + FIRST_LOOK_MS));
    }
    const isInTime = actionUntil === null || actionUntil > this.now;
    return { kind: 'charge', payment, wanted: this.isWanted(payment) && isInTime };
  }

  private claimCapture(capture: Capture | undefined): OpenCall | null {
    if (!capture) return null;
    this.count(capture);
    capture.isFinal ??= this.isLast(capture);
    const { keyNumber, isFinal } = capture;
    return { kind: 'capture', capture, keyNumber, isFinal };
  }

  /** Nothing more will be captured of its payment. */
  private isLast(capture: Capture): boolean {
    const { payment } = capture;
    const captures = this.capturesOf(payment);
    const others = captures.filter((one) => one !== capture && isUnfinished(one));
    if (others.length > 0 && this.deps.defect !== 'final-while-another-is-open') return false;
    const { parcels, isOpen: mayShip } = this.deps.unitsOf(payment.reservation);
    const isAllPlanned = parcels.every(({ shipmentId }) =>
      captures.some((one) => one.shipmentId === shipmentId),
    );
    return payment.isWhole || (!mayShip && isAllPlanned);
  }

  /** A call about a capture, a void or a refund ends as the world has it. Of a charge the order decides what follows. */
  answer(call: Exclude<OpenCall, { kind: 'charge' | 'stop' }>, reply: Reply): void {
    if (call.kind === 'capture') this.answerCapture(call, reply);
    else if (call.kind === 'void') this.answerVoid(call.payment, reply);
    else this.answerRefund(call, reply);
  }

  /* Captures. */

  /** What parcels that left cost is to be taken; what nothing more ships for is to be voided. */
  settleAuthorizations(): void {
    const { defect, unitsOf } = this.deps;
    for (const payment of this.payments.filter(({ status }) => status === 'authorized')) {
      const captures = this.capturesOf(payment);
      const shipmentIds = captures.flatMap(({ shipmentId }) => shipmentId ?? []);
      const needs = captureNeeds(
        {
          multicapture: this.isMulticapture,
          isWhole: payment.isWhole,
          shipmentIds: defect === 'parcel-captured-twice' ? [] : shipmentIds,
          unfinished: defect === 'void-while-capture-is-open' ? 0 : captures.filter(isUnfinished).length,
        },
        unitsOf(payment.reservation),
      );
      for (const plan of needs.captures) this.planCapture(payment, plan);
      const mayVoid = defect !== 'void-forgotten';
      if (needs.isOver && mayVoid)
        Object.assign(payment, { status: 'void_planned', tries: 0, dueAt: this.now, lapseAt: null });
    }
  }

  /** The gateway is about to drop authorisations: something is done where units wait to leave, once. Returns whether there is any. */
  actOnLapse(): boolean {
    const lapsing = this.payments.filter(
      ({ status, lapseAt }) => status === 'authorized' && lapseAt !== null && lapseAt <= this.now,
    );
    for (const payment of lapsing) payment.lapseAt = null;
    const open = lapsing.filter(({ isWhole, reservation }) => !isWhole && reservation.status === 'confirmed');
    if (this.deps.seed.authorized.onLapse === 'capture') for (const payment of open) this.planWhole(payment);
    return open.length > 0;
  }

  /** Everything that is authorised and not cut is to be taken, whether or not it has left. */
  planWholeCapture(): void {
    for (const payment of this.payments) if (payment.status === 'authorized') this.planWhole(payment);
  }

  private planWhole(payment: Payment): void {
    if (payment.isWhole) return;
    const shipmentIds = this.capturesOf(payment).flatMap(({ shipmentId }) => shipmentId ?? []);
    this.planCapture(payment, wholeCapture({ shipmentIds }, this.deps.unitsOf(payment.reservation)));
  }

  private planCapture(
    payment: Payment,
    { shipmentId, amountMinor: wantedMinor }: { shipmentId: string | null; amountMinor: number },
  ): void {
    const amountMinor = Math.min(wantedMinor, payment.amountMinor - payment.capturePlannedMinor);
    payment.capturePlannedMinor += amountMinor;
    if (shipmentId === null) Object.assign(payment, { isWhole: true, lapseAt: null });
    this.captures.push({
      id: this.deps.newId('c'),
      payment,
      shipmentId,
      amountMinor,
      status: amountMinor === 0 ? 'succeeded' : 'planned',
      isWaived: false,
      isFinal: null,
      keyNumber: 1,
      tries: 0,
      dueAt: this.now,
    });
  }

  private answerCapture({ capture, keyNumber, isFinal }: OpenCall & { kind: 'capture' }, reply: Reply): void {
    const outcome = this.deps.gateway.capture(capture, { keyNumber, isFinal, reply });
    this.settleCapture(capture, { keyNumber, isFinal, outcome });
  }

  private settleCapture(
    capture: Capture,
    {
      keyNumber,
      isFinal,
      outcome,
    }: { keyNumber: number; isFinal: boolean; outcome: CaptureOutcome | KeySpent | undefined },
  ): void {
    const { payment, status, amountMinor } = capture;
    if (outcome?.status === 'succeeded') {
      if (status === 'succeeded') return;
      if (status === 'settled_by_hand') {
        this.attention.add(`twice:${capture.id}`);
        return;
      }
      capture.status = 'succeeded';
      this.attention.delete(capture.id);
      payment.capturedMinor += amountMinor;
      const isAll = isFinal || payment.capturedMinor === payment.amountMinor;
      if (payment.status === 'authorized' && isAll && !this.isUncertain(payment)) payment.status = 'captured';
      return;
    }
    const isSuperseded = keyNumber !== capture.keyNumber && this.deps.defect !== 'superseded-key-wins';
    if (status !== 'planned' || isSuperseded) return;
    if (outcome?.status === 'failed' && keyNumber >= REFUSALS) {
      Object.assign(capture, { status: 'failed', tries: 0, dueAt: this.now });
      this.attention.add(capture.id);
      return;
    }
    if (outcome !== undefined || this.deps.defect === 'new-capture-key-without-outcome')
      Object.assign(capture, { keyNumber: capture.keyNumber + 1, isFinal: null });
    if (capture.tries >= DELAYED_AFTER_TRIES) this.attention.add(capture.id);
  }

  retryCapture(capture: Capture): void {
    if (capture.status === 'failed') {
      const keyNumber = capture.keyNumber + 1;
      Object.assign(capture, { status: 'planned', keyNumber, isFinal: null, tries: 0, dueAt: this.now });
      this.attention.delete(capture.id);
    } else if (capture.status === 'planned') capture.dueAt = Math.min(capture.dueAt, this.now);
  }

  /** A person has the money in another way, or gives it up. What was to go back of it ends with it. */
  settleCaptureByHand(capture: Capture, { isWaived }: { isWaived: boolean }): void {
    if (!isUnfinished(capture)) return;
    Object.assign(capture, { status: 'settled_by_hand', isWaived });
    this.attention.delete(capture.id);
    const { payment } = capture;
    const toCome = this.capturesOf(payment).filter(isUnfinished);
    const moneyMinor = payment.capturedMinor + sum(toCome);
    const standing = this.refunds
      .filter((one) => one.payment === payment && (isOpen(one) || one.status === 'succeeded'))
      .sort((a, b) => Number(a.status === 'planned') - Number(b.status === 'planned'));
    let soFar = 0;
    for (const refund of standing) {
      soFar += refund.amountMinor;
      if (refund.status === 'planned' && soFar > moneyMinor) this.settleRefundByHand(refund);
    }
  }

  /* Voids. */

  private answerVoid(payment: Payment, reply: Reply): void {
    const { gateway, defect, newId } = this.deps;
    const isDropped = payment.captureBefore !== null && payment.captureBefore < this.now;
    const hasLapsed = isDropped && !this.isUncertain(payment);
    const known = gateway.void(payment, reply) ?? (hasLapsed ? payment.capturedMinor : undefined);
    if (payment.status !== 'void_planned') return;
    if (known === undefined) {
      if (payment.tries >= DELAYED_AFTER_TRIES) this.attention.add(payment.id);
      return;
    }
    const { capturedMinor, amountMinor } = payment;
    const surplusMinor = Math.min(Math.max(0, known - capturedMinor), amountMinor - capturedMinor);
    if (surplusMinor > 0 && defect !== 'surplus-kept') {
      const row = { isWaived: false, isFinal: null, keyNumber: 1, tries: 0, dueAt: this.now };
      const surplus = { id: newId('c'), payment, shipmentId: null, amountMinor: surplusMinor, ...row };
      this.captures.push({ ...surplus, status: 'succeeded' });
      payment.capturedMinor += surplusMinor;
      payment.capturePlannedMinor += surplusMinor;
    }
    const hasFailed = this.capturesOf(payment).some((one) => one.amountMinor > 0);
    payment.status = payment.capturedMinor > 0 ? 'captured' : hasFailed ? 'failed' : 'voided';
    this.attention.delete(payment.id);
    if (surplusMinor > 0 && defect !== 'surplus-kept') this.plan(payment, surplusMinor, payment.id);
  }
}
