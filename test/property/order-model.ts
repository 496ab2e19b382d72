import type { ShipmentStatus } from '../../domain/fulfilment/types';
import type { NextStep } from '../../domain/ordering/rules';
import type { GatewayAsk, OrderProgress } from '../../domain/ordering/types';
import { hasEnded, isCapturedLater, mayBecome } from '../../domain/orders/rules';
import type { OrderStatus, ReviewOutcome } from '../../domain/orders/types';
import { isInFlight, type PaidUnits } from '../../domain/payments/rules';
import type { ReservationStatus } from '../../domain/stock/reservations/types';
import { GatewayModel, type Known } from './gateway-model';
import { MoneyModel } from './money-model';
import {
  isPaid,
  pendingReservation,
  worth,
  type Defect,
  type Line,
  type OpenCall,
  type Payment,
  type Reply,
  type Reservation,
  type Seed,
  type Shipment,
} from './order-rows';
import { ReviewModel } from './review-model';
import { ShipmentModel } from './shipment-model';

const HOLD_MS = 900_000;
const LIMIT_MS = 3_600_000;
const ATTEMPT_LIMIT = 3;

/**
 * The rows of one order, in units and cents, and the steps of its saga as what they do to them; beside it what the carriers and the
 * warehouse know for themselves. Its money is a model of its own, and what the gateway knows. It decides nothing by itself: rules are
 * those of the product.
 */
export class OrderModel {
  private readonly clock = { now: 0 };
  status: OrderStatus = 'reserved';
  cancel: OrderProgress['cancel'] = null;
  private cancelBase = 0;
  hasMethod: boolean;
  waiting: number;
  cancelled = 0;
  readonly review: ReviewModel;
  readonly reservations: Reservation[] = [];
  readonly shipping: ShipmentModel;
  readonly gateway: GatewayModel;
  readonly money: MoneyModel;
  /** Calls that are under way, by the id under which the saga knows them; of a saga that died, by another. */
  readonly calls = new Map<string, OpenCall>();
  private ids = 0;

  constructor(
    readonly seed: Seed,
    private readonly defect: Defect | null = null,
  ) {
    const { clock } = this;
    this.gateway = new GatewayModel(seed, clock, defect);
    this.money = new MoneyModel({
      gateway: this.gateway,
      clock,
      seed,
      defect,
      newId: (prefix) => this.newId(prefix),
      unitsOf: (reservation) => this.unitsOf(reservation),
    });
    this.hasMethod = seed.isPaidWithOrder;
    this.waiting = seed.waiting;
    this.shipping = new ShipmentModel(clock, defect);
    this.review = new ReviewModel(seed.review && 'open', clock);
    if (seed.lines.length > 0) {
      const first = this.reserve(seed.lines);
      if (seed.isPaidWithOrder) this.charge(first, { offSession: false });
    }
  }

  get now(): number {
    return this.clock.now;
  }

  set now(ms: number) {
    this.clock.now = ms;
  }

  get orderedUnits(): number {
    return this.seed.lines.reduce((sum, { units }) => sum + units, 0) + this.seed.waiting;
  }

  get lines(): Line[] {
    return this.reservations.flatMap(({ lines }) => lines);
  }

  get shipments(): readonly Shipment[] {
    return this.shipping.all;
  }

  get underWay(): Set<string> {
    return new Set([...this.calls.keys()].filter((id) => !id.startsWith('lost:')));
  }

  perform(step: NextStep): void {
    switch (step.do) {
      case 'cancel':
        this.cancelUndelivered();
        return;
      case 'conclude-cancel':
        if (!hasEnded(this.status)) this.cancel = this.cancelEnd();
        return;
      case 'release-stopped':
        this.releaseStopped();
        return;
      case 'expire':
        this.expire(this.reservation(step.reservationId));
        return;
      case 'decide-review':
        if (this.seed.review) this.decide(this.seed.review);
        return;
      case 'give-up-backorders':
        this.closeBackorders();
        this.settle('expired');
        return;
      case 'begin-charge':
        return void this.beginCharge(this.reservation(step.reservationId), { offSession: true });
      case 'stop':
        this.claimStop(step.shipmentId);
        return;
      case 'ask':
        this.claimAsk(step.ask);
        return;
      case 'settle-authorizations':
        this.money.settleAuthorizations();
        return;
      case 'act-on-lapse':
        this.actOnLapse();
        return;
      case 'stop-doubled':
      case 'cut':
      case 'amend':
      case 'wait':
      case 'finish':
        return;
    }
  }

  /* Requests, and what happens elsewhere. */

  requestCancel(): void {
    if (hasEnded(this.status)) return;
    this.shipping.clearRefusals();
    this.recordCancel();
  }

  private recordCancel(): void {
    if (hasEnded(this.status) || this.cancel === 'open') return;
    this.cancel = 'open';
    this.cancelBase = this.cancelled;
    this.review.end();
  }

  /** A person, or its deadline, decides the review. */
  decide(outcome: ReviewOutcome): void {
    if (!this.review.decide(outcome)) return;
    if (outcome === 'rejected') {
      this.recordCancel();
      return;
    }
    for (const one of this.reservations.filter((each) => this.isUnshipped(each))) this.shipping.create(one);
    this.captureIfDue();
  }

  isUnshipped(reservation: Reservation): boolean {
    return reservation.status === 'confirmed' && !this.shipping.hasAnyOf(reservation);
  }

  private get isCapturedLater(): boolean {
    return isCapturedLater({ capture: this.seed.capture, isReviewOpen: this.review.isOpen });
  }

  /** What was authorised only because of a review is captured at once. */
  private captureIfDue(): void {
    if (!this.isCapturedLater && this.defect !== 'approved-not-captured') this.money.planWholeCapture();
  }

  /** The customer pays with another card: what is due, or what waits for the customer to authenticate. */
  pay(): void {
    const pending = this.reservations.filter(({ status }) => status === 'pending');
    const oldest = pending.find(({ dueAt }) => dueAt > this.now) ?? pending[0];
    if (oldest ? this.beginCharge(oldest, { offSession: false }) : this.chargeAgain()) this.hasMethod = true;
  }

  private chargeAgain(): boolean {
    const charging = this.reservations.filter(({ status }) => status === 'charging');
    const waiting = this.money.waiting(charging);
    if (!waiting || this.cancel === 'open' || waiting.reservation.attempt >= ATTEMPT_LIMIT) return false;
    this.money.takePlaceOf(waiting, { offSession: false, captureLater: this.isCapturedLater });
    return true;
  }

  allocate(units: number): void {
    const taken = Math.min(units, this.waiting);
    if (taken === 0 || hasEnded(this.status)) return;
    this.waiting -= taken;
    this.reserve([{ units: taken, priceMinor: this.seed.waitingPriceMinor }]);
  }

  move(shipment: Shipment, to: ShipmentStatus): void {
    if (!this.shipping.move(shipment, to)) return;
    this.advance('fulfilling');
    this.settle('fulfilled');
  }

  /** The saga's process dies. Its calls may still be answered, and nobody waits for them. */
  restart(): void {
    for (const [id, call] of [...this.calls]) {
      if (id.startsWith('lost:')) continue;
      this.calls.delete(id);
      this.calls.set(this.newId(`lost:${id}:`), call);
    }
  }

  /** A call ends as the world has it, and what is known of it is recorded. */
  answer(id: string, reply: Reply): void {
    const call = this.calls.get(id);
    if (!call) return;
    this.calls.delete(id);
    if (call.kind === 'charge') this.answerCharge(call, reply);
    else if (call.kind === 'stop') this.shipping.answerStop(call.shipment, reply);
    else this.money.answer(call, reply);
  }

  private answerCharge({ payment, wanted }: OpenCall & { kind: 'charge' }, reply: Reply): void {
    const known = this.gateway.charge(payment, { wanted, reply });
    if (known) this.settleCharge(payment, known);
    else this.recordUnknown(payment);
  }

  /* Steps. */

  private cancelUndelivered(): void {
    this.closeBackorders();
    this.shipping.beginStops();
    for (const one of this.reservations) {
      const isUnshipped = this.isUnshipped(one);
      const amountMinor = worth(one.lines, ({ open }) => open);
      if (isUnshipped && this.defect !== 'rejected-money-kept')
        this.money.giveBackUnits(one, amountMinor, `${one.id}/unshipped`);
      if (one.status === 'pending' || one.status === 'charging' || isUnshipped)
        this.release(one, 'cancelled');
    }
    this.settle('cancelled');
  }

  private releaseStopped(): void {
    const wasCancelled = this.cancel === 'open' || this.cancel === 'done';
    for (const shipment of this.shipping.releasable) {
      const { line, reservation } = shipment;
      const amountMinor = line.open * line.priceMinor;
      this.cancelled += line.open;
      line.open = 0;
      const again = this.defect === 'refund-planned-twice' ? ['', this.newId('again')] : [''];
      if (this.defect !== 'refund-forgotten')
        for (const suffix of again) this.money.giveBackUnits(reservation, amountMinor, shipment.id + suffix);
      if (reservation.lines.some(({ open }) => open > 0)) continue;
      reservation.status = reservation.lines.some(({ shipped }) => shipped > 0) ? 'shipped' : 'cancelled';
    }
    this.settle(wasCancelled ? 'cancelled' : 'failed');
  }

  private expire(reservation: Reservation): void {
    if (reservation.status !== 'pending' || reservation.dueAt > this.now) return;
    const isBeingPaid = this.reservations.some(({ status }) => status === 'charging');
    if (!isBeingPaid && !this.money.payments.some(isPaid)) this.closeBackorders();
    this.release(reservation, 'expired');
    this.settle('expired');
  }

  private beginCharge(reservation: Reservation, by: { offSession: boolean }): boolean {
    const isRefused =
      this.cancel === 'open' || reservation.attempt >= ATTEMPT_LIMIT || reservation.dueAt <= this.now;
    if (isRefused || reservation.status !== 'pending') return false;
    this.charge(reservation, by);
    return true;
  }

  private charge(reservation: Reservation, by: { offSession: boolean }): void {
    this.money.charge(reservation, { ...by, captureLater: this.isCapturedLater });
  }

  private actOnLapse(): void {
    if (this.money.actOnLapse() && this.seed.authorized.onLapse === 'cancel') this.recordCancel();
  }

  private claimStop(shipmentId: string): void {
    const shipment = this.shipping.dueToStop(shipmentId);
    if (!shipment) return;
    this.money.count(shipment);
    this.calls.set(shipmentId, { kind: 'stop', shipment });
  }

  private claimAsk(ask: GatewayAsk): void {
    const call = this.money.claim(ask);
    if (call) this.calls.set(ask.id, call);
  }

  private settleCharge(payment: Payment, outcome: Known): void {
    if (!isInFlight(payment)) return;
    const { reservation } = payment;
    const isWanted = this.money.isWanted(payment);
    if (outcome === 'requires_action') {
      if (isWanted) this.money.waitForCustomer(payment);
      return;
    }
    if (!isWanted) {
      this.money.settleUnwanted(payment, outcome);
      return;
    }
    this.money.settlePayment(payment, outcome, { isWanted });
    if (outcome === 'declined') {
      if (reservation.seq > 1 && reservation.attempt === 1) reservation.dueAt = this.now + HOLD_MS;
      reservation.status = 'pending';
      return;
    }
    reservation.status = 'confirmed';
    if (this.review.mayShip) {
      this.shipping.create(reservation);
      if (outcome === 'authorized') this.captureIfDue();
    } else this.review.begin();
    this.advance('paid');
  }

  private unitsOf(reservation: Reservation): PaidUnits {
    return {
      parcels: this.shipping.parcelsThatLeft(reservation),
      reservedMinor: worth(reservation.lines, ({ open }) => open),
      isOpen: reservation.status === 'confirmed',
    };
  }

  private recordUnknown(payment: Payment): void {
    if (!isInFlight(payment)) return;
    if (payment.status === 'pending') payment.status = 'unknown';
    const { firstAskedAt, actionUntil } = payment;
    if (this.now - Math.max(firstAskedAt ?? this.now, actionUntil ?? 0) <= LIMIT_MS) return;
    this.money.attention.add(payment.id);
    if (!this.money.isWanted(payment)) return;
    this.closeBackorders();
    this.release(payment.reservation, 'cancelled');
    this.settle('failed');
  }

  private reserve(lines: Seed['lines']): Reservation {
    const seq = this.reservations.length + 1;
    const reservation = pendingReservation(this.newId('h'), { seq, dueAt: this.now + HOLD_MS, lines });
    this.reservations.push(reservation);
    return reservation;
  }

  private release(reservation: Reservation, status: ReservationStatus): void {
    for (const line of reservation.lines) {
      this.cancelled += line.open;
      line.open = 0;
    }
    reservation.status = status;
  }

  private closeBackorders(): void {
    this.cancelled += this.waiting;
    this.waiting = 0;
  }

  private settle(endAs: OrderStatus): void {
    if (hasEnded(this.status) || this.waiting > 0 || this.lines.some(({ open }) => open > 0)) return;
    const hasShipped = this.lines.some(({ shipped }) => shipped > 0);
    const wished = hasShipped ? 'fulfilled' : endAs;
    this.status = mayBecome(this.status, wished) ? wished : 'cancelled';
    this.review.end();
  }

  private advance(to: OrderStatus): void {
    if (mayBecome(this.status, to)) this.status = to;
  }

  cancelEnd(): 'done' | 'refused' {
    return this.cancelled > this.cancelBase ? 'done' : 'refused';
  }

  private reservation(id: string): Reservation {
    const found = this.reservations.find((one) => one.id === id);
    if (!found) throw new Error(`no reservation ${id}`);
    return found;
  }

  private newId(prefix: string): string {
    return `${prefix}${(this.ids += 1)}`;
  }
}
