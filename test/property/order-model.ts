import { afterVoid, beginVoid, hasLeft, hasStopped, shipmentMayBecome } from '../../domain/fulfilment/rules';
import type { ShipmentStatus } from '../../domain/fulfilment/types';
import type { NextStep } from '../../domain/ordering/rules';
import type { GatewayAsk, OrderProgress } from '../../domain/ordering/types';
import { hasEnded, mayBecome } from '../../domain/orders/rules';
import type { OrderStatus, ReviewOutcome, ReviewStatus } from '../../domain/orders/types';
import { isInFlight, refundable, refundMayBecome } from '../../domain/payments/rules';
import type { PaymentStatus, RefundOutcome, RefundStatus } from '../../domain/payments/types';
import type { ReservationStatus } from '../../domain/stock/reservations/types';

/** Defects that can be planted into the model's transactions, to see that the properties notice them. */
export type Defect =
  /** Units are released, and their refund planned, once the carrier is asked to stop them. */
  | 'release-before-final'
  /** A stopped shipment is planned to go back each time it is looked at. */
  | 'refund-planned-twice'
  /** A refund without an outcome is tried again under the next number of its key. */
  | 'new-key-without-outcome'
  /** A refund that failed for good is no longer planned. */
  | 'failed-refund-unplanned'
  /** A failure that is recorded late fails the refund whatever happened since. */
  | 'late-failure-wins'
  /** Money that comes in for a reservation given up is kept. */
  | 'unwanted-charge-kept'
  /** What is stopped is released, and its refund forgotten. */
  | 'refund-forgotten'
  /** An ask does not say when the next is due. */
  | 'ask-stays-due'
  /** A carrier that refused to stop a shipment is asked again at once. */
  | 'refusal-forgotten'
  /** A charge that was abandoned is sent all the same. */
  | 'unwanted-charge-sent'
  /** Money of an order that is rejected in its review is kept. */
  | 'rejected-money-kept';

interface Line {
  warehouse: number;
  priceMinor: number;
  units: number;
  open: number;
  shipped: number;
}

interface Reservation {
  id: string;
  seq: number;
  status: ReservationStatus;
  attempt: number;
  dueAt: number;
  lines: Line[];
}

interface Shipment {
  id: string;
  reservation: Reservation;
  line: Line;
  status: ShipmentStatus;
  isStopRefused: boolean;
  tries: number;
  dueAt: number;
}

interface Payment {
  id: string;
  reservation: Reservation;
  status: PaymentStatus;
  amountMinor: number;
  plannedMinor: number;
  refundedMinor: number;
  tries: number;
  firstAskedAt: number | null;
  dueAt: number;
}

interface Refund {
  id: string;
  payment: Payment;
  origin: string;
  amountMinor: number;
  status: RefundStatus;
  keyNumber: number;
  gatewayRef: string | null;
  tries: number;
  dueAt: number;
}

/** A call to a third party that was begun and whose outcome is not recorded. */
type OpenCall =
  | { kind: 'charge'; payment: Payment; wanted: boolean }
  | { kind: 'refund'; refund: Refund; keyNumber: number }
  | { kind: 'stop'; shipment: Shipment };

/** A refund as the gateway has it, under one key. One that it refuses under a key it never makes under that. */
interface MadeRefund {
  refundId: string;
  ref: string | null;
  status: 'pending' | 'succeeded' | 'failed';
}

/** What the world answers to a call. */
export type Reply = 'yes' | 'no' | 'away' | 'lost' | 'held';

export interface Seed {
  /** Units and price, minor units, by warehouse. */
  lines: { units: number; priceMinor: number }[];
  waiting: number;
  waitingPriceMinor: number;
  isPaidWithOrder: boolean;
  waitsForEver: boolean;
  /** It is reviewed, and this is decided when nobody does. */
  review?: ReviewOutcome | null;
}

const HOLD_MS = 900_000;
const LIMIT_MS = 3_600_000;
const BACKORDER_MS = 86_400_000;
const REVIEW_MS = 43_200_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 3_600_000;
const ATTEMPT_LIMIT = 3;
const DELAYED_AFTER_TRIES = 6;

/**
 * The rows of one order, in units and cents, and the steps of its saga as what they do to them; beside it what the carriers, the
 * warehouse and the gateway know for themselves. It decides nothing by itself: rules are those of the product.
 */
export class OrderModel {
  now = 0;
  status: OrderStatus = 'reserved';
  cancel: OrderProgress['cancel'] = null;
  private cancelBase = 0;
  hasMethod: boolean;
  waiting: number;
  cancelled = 0;
  review: ReviewStatus | null;
  private reviewDueAt: number | null = null;
  readonly reservations: Reservation[] = [];
  readonly shipments: Shipment[] = [];
  readonly payments: Payment[] = [];
  readonly refunds: Refund[] = [];
  /** What needs a person. */
  readonly attention = new Set<string>();
  /** What the gateway knows: the end of each charge, and each refund by its key. */
  readonly charges = new Map<string, 'captured' | 'declined'>();
  readonly made = new Map<string, MadeRefund>();
  /** Calls that are under way, by the id under which the saga knows them; of a saga that died, by another. */
  readonly calls = new Map<string, OpenCall>();
  /** What was asked to go back without units, minor units, by payment. */
  readonly goodwill = new Map<string, number>();
  private ids = 0;

  constructor(
    private readonly seed: Seed,
    private readonly defect: Defect | null = null,
  ) {
    this.hasMethod = seed.isPaidWithOrder;
    this.waiting = seed.waiting;
    this.review = seed.review ? 'open' : null;
    if (seed.lines.length > 0) {
      const first = this.reserve(seed.lines);
      if (seed.isPaidWithOrder) this.charge(first);
    }
  }

  get orderedUnits(): number {
    return this.seed.lines.reduce((sum, { units }) => sum + units, 0) + this.seed.waiting;
  }

  get lines(): Line[] {
    return this.reservations.flatMap(({ lines }) => lines);
  }

  get underWay(): Set<string> {
    return new Set([...this.calls.keys()].filter((id) => !id.startsWith('lost:')));
  }

  progress(): OrderProgress {
    const live = this.reservations.filter(({ status }) =>
      ['pending', 'charging', 'confirmed'].includes(status),
    );
    const asks: GatewayAsk[] = [
      ...this.payments.filter(isInFlight).map((one) => this.askOf('charge', one)),
      ...this.refunds.filter(isOpen).map((one) => this.askOf('refund', one)),
    ];
    const stopping = this.shipments.filter(({ status }) => status === 'voiding');
    return {
      orderId: 'o',
      status: this.status,
      failureCode: null,
      reservations: live.map((reservation) => {
        const { id, seq, status, attempt, dueAt } = reservation;
        return {
          isUnshipped: this.isUnshipped(reservation),
          reservationId: id,
          seq,
          status,
          attempt,
          expiresAt: String(dueAt),
          msLeft: dueAt - this.now,
        };
      }),
      payments: this.payments.map(({ id, status }) => ({ paymentId: id, status })),
      asks: asks.sort((a, b) => a.msLeft - b.msLeft),
      hasPaymentMethod: this.hasMethod,
      cancel: this.cancel === 'open' && hasEnded(this.status) ? this.cancelEnd() : this.cancel,
      waitingUnits: this.waiting,
      reviewMsLeft: this.review === 'open' && this.reviewDueAt !== null ? this.reviewDueAt - this.now : null,
      waitingMsLeft: this.waiting > 0 && !this.seed.waitsForEver ? BACKORDER_MS - this.now : null,
      shipments: {},
      stoppableShipments: this.shipments.filter((one) => !one.isStopRefused && beginVoid(one.status)).length,
      stopMsLeft: stopping.length > 0 ? Math.min(...stopping.map(({ dueAt }) => dueAt)) - this.now : null,
      stops: stopping
        .map(({ id: shipmentId, dueAt }) => ({ shipmentId, msLeft: dueAt - this.now }))
        .sort((a, b) => a.msLeft - b.msLeft),
      unreleasedShipments: this.shipments.filter((one) => this.isReleasable(one)).length,
      attention: [],
      cuts: [],
      mayCut: false,
      amendments: [],
      mayAmend: false,
      mayCapture: false,
      lapseMsLeft: null,
      doubledShipments: 0,
    };
  }

  private askOf(kind: GatewayAsk['kind'], { id, tries, dueAt }: Payment | Refund): GatewayAsk {
    return { kind, id, tries, msLeft: dueAt - this.now };
  }

  perform(step: NextStep): void {
    switch (step.do) {
      case 'cancel': {
        this.cancelUndelivered();
        return;
      }
      case 'conclude-cancel':
        if (!hasEnded(this.status)) this.cancel = this.cancelEnd();
        return;
      case 'release-stopped': {
        this.releaseStopped();
        return;
      }
      case 'expire': {
        this.expire(this.reservation(step.reservationId));
        return;
      }
      case 'decide-review':
        if (this.seed.review) this.decide(this.seed.review);
        return;
      case 'give-up-backorders':
        this.closeBackorders();
        {
          this.settle('expired');
          return;
        }
      case 'begin-charge':
        return void this.beginCharge(this.reservation(step.reservationId));
      case 'stop': {
        this.claimStop(step.shipmentId);
        return;
      }
      case 'ask': {
        this.claimAsk(step.ask);
        return;
      }
      case 'settle-authorizations':
      case 'act-on-lapse':
      case 'wait':
      case 'finish':
        return;
    }
  }

  /* Requests, and what happens elsewhere. */

  requestCancel(): void {
    if (hasEnded(this.status)) return;
    for (const shipment of this.shipments) shipment.isStopRefused = false;
    if (this.cancel === 'open') return;
    this.cancel = 'open';
    this.cancelBase = this.cancelled;
    this.endReview();
  }

  decide(outcome: ReviewOutcome): void {
    if (this.review !== 'open') return;
    this.review = outcome;
    if (outcome === 'rejected') this.requestCancel();
    else
      for (const one of this.reservations.filter((each) => this.isUnshipped(each)))
        for (const line of one.lines) this.ship(one, line);
  }

  private endReview(): void {
    if (this.review === 'open') this.review = 'ended';
  }

  private isUnshipped(reservation: Reservation): boolean {
    const isShipped = this.shipments.some((one) => one.reservation === reservation);
    return reservation.status === 'confirmed' && !isShipped;
  }

  pay(): void {
    const pending = this.reservations.filter(({ status }) => status === 'pending');
    const oldest = pending.find(({ dueAt }) => dueAt > this.now);
    if (oldest && this.beginCharge(oldest)) this.hasMethod = true;
  }

  allocate(units: number): void {
    const taken = Math.min(units, this.waiting);
    if (taken === 0 || hasEnded(this.status)) return;
    this.waiting -= taken;
    this.reserve([{ units: taken, priceMinor: this.seed.waitingPriceMinor }]);
  }

  giveBack(payment: Payment, amountMinor: number): void {
    if (!isCaptured(payment)) return;
    const before = payment.plannedMinor;
    this.plan(payment, amountMinor, this.newId('goodwill'));
    const planned = payment.plannedMinor - before;
    this.goodwill.set(payment.id, (this.goodwill.get(payment.id) ?? 0) + planned);
  }

  retry(refund: Refund): void {
    if (refund.status !== 'failed') return;
    Object.assign(refund, { status: 'planned', keyNumber: refund.keyNumber + 1, tries: 0, dueAt: this.now });
    this.attention.delete(refund.id);
  }

  /** The customer's bank sends a refund back, also one that had succeeded. */
  failAtBank(refund: Refund): void {
    const made = [...this.made.values()].find(({ ref }) => ref !== null && ref === refund.gatewayRef);
    if (!made || made.status === 'failed' || refund.status === 'settled_by_hand') return;
    made.status = 'failed';
    this.settleRefund(refund, failure(made.ref), refund.keyNumber);
  }

  /** What a carrier does with a parcel. What the carrier has stopped, or never took, does not leave. */
  move(shipment: Shipment, to: ShipmentStatus): void {
    if (!shipmentMayBecome(shipment.status, to) || to === 'voiding' || to === 'voided') return;
    if (shipment.status === 'voiding' && to === 'booked') return;
    const left = !hasLeft(shipment.status) && hasLeft(to);
    shipment.status = to;
    if (!left) return;
    const { line, reservation } = shipment;
    line.shipped += line.open;
    line.open = 0;
    if (reservation.status === 'confirmed' && reservation.lines.every(({ open }) => open === 0))
      reservation.status = 'shipped';
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
    else if (call.kind === 'refund') this.answerRefund(call, reply);
    else this.answerStop(call.shipment, reply);
  }

  private answerCharge({ payment, wanted }: OpenCall & { kind: 'charge' }, reply: Reply): void {
    const isSent = wanted || this.defect === 'unwanted-charge-sent';
    if (reply !== 'away' && !this.charges.has(payment.id)) {
      if (!isSent) this.charges.set(payment.id, 'declined');
      else if (reply === 'yes' || reply === 'lost') this.charges.set(payment.id, 'captured');
      else if (reply === 'no') this.charges.set(payment.id, 'declined');
    }
    const known = reply === 'away' || reply === 'lost' ? undefined : this.charges.get(payment.id);
    if (known) this.settleCharge(payment, known);
    else this.recordUnknown(payment);
  }

  private answerRefund({ refund, keyNumber }: OpenCall & { kind: 'refund' }, reply: Reply): void {
    const key = `${refund.id}:${keyNumber}`;
    if (reply !== 'away' && !this.made.has(key)) {
      const status = reply === 'held' ? 'pending' : reply === 'no' ? 'failed' : 'succeeded';
      this.made.set(key, { refundId: refund.id, ref: status === 'failed' ? null : key, status });
    }
    const made = this.made.get(key);
    if (made?.status === 'pending' && (reply === 'yes' || reply === 'no'))
      made.status = reply === 'yes' ? 'succeeded' : 'failed';
    if (!made || reply === 'away' || reply === 'lost') this.recordDelay(refund);
    else if (made.ref === null || made.status === 'failed')
      this.settleRefund(refund, failure(made.ref), keyNumber);
    else this.settleRefund(refund, { status: made.status, gatewayRef: made.ref }, keyNumber);
  }

  private answerStop(shipment: Shipment, reply: Reply): void {
    if (reply === 'away' || reply === 'lost') return;
    const to = afterVoid(shipment.status, reply === 'no' ? 'refused' : 'voided');
    if (!to) return;
    shipment.status = to;
    if (to === 'booked' && this.defect !== 'refusal-forgotten') shipment.isStopRefused = true;
  }

  /* Steps. */

  private cancelUndelivered(): void {
    this.closeBackorders();
    for (const shipment of this.shipments) {
      const to = shipment.isStopRefused ? null : beginVoid(shipment.status);
      if (to) Object.assign(shipment, { status: to, tries: 0, dueAt: this.now });
    }
    for (const one of this.reservations) {
      const isUnshipped = this.isUnshipped(one);
      const payment = this.payments.find((each) => each.reservation === one && isCaptured(each));
      if (isUnshipped && payment && this.defect !== 'rejected-money-kept')
        this.plan(
          payment,
          worth(one.lines, ({ open }) => open),
          `${one.id}/unshipped`,
        );
      if (one.status === 'pending' || one.status === 'charging' || isUnshipped)
        this.release(one, 'cancelled');
    }
    this.settle('cancelled');
  }

  private releaseStopped(): void {
    const wasCancelled = this.cancel === 'open' || this.cancel === 'done';
    for (const shipment of this.shipments.filter((one) => this.isReleasable(one))) {
      const { line, reservation } = shipment;
      const amountMinor = line.open * line.priceMinor;
      this.cancelled += line.open;
      line.open = 0;
      const payment = this.payments.find((one) => one.reservation === reservation && isCaptured(one));
      const again = this.defect === 'refund-planned-twice' ? ['', this.newId('again')] : [''];
      if (payment && this.defect !== 'refund-forgotten')
        for (const suffix of again) this.plan(payment, amountMinor, shipment.id + suffix);
      if (reservation.lines.some(({ open }) => open > 0)) continue;
      reservation.status = reservation.lines.some(({ shipped }) => shipped > 0) ? 'shipped' : 'cancelled';
    }
    this.settle(wasCancelled ? 'cancelled' : 'failed');
  }

  private isReleasable({ status, line }: Shipment): boolean {
    const isFinal = hasStopped(status) || (this.defect === 'release-before-final' && status === 'voiding');
    return isFinal && line.open > 0;
  }

  private expire(reservation: Reservation): void {
    if (reservation.status !== 'pending' || reservation.dueAt > this.now) return;
    const isBeingPaid = this.reservations.some(({ status }) => status === 'charging');
    if (!isBeingPaid && !this.payments.some(isCaptured)) this.closeBackorders();
    this.release(reservation, 'expired');
    this.settle('expired');
  }

  private beginCharge(reservation: Reservation): boolean {
    const isRefused =
      this.cancel === 'open' || reservation.attempt >= ATTEMPT_LIMIT || reservation.dueAt <= this.now;
    if (isRefused || reservation.status !== 'pending') return false;
    this.charge(reservation);
    return true;
  }

  private charge(reservation: Reservation): void {
    Object.assign(reservation, { status: 'charging', attempt: reservation.attempt + 1 });
    this.payments.push({
      id: this.newId('p'),
      reservation,
      status: 'pending',
      amountMinor: worth(reservation.lines, ({ open }) => open),
      plannedMinor: 0,
      refundedMinor: 0,
      tries: 0,
      firstAskedAt: null,
      dueAt: this.now,
    });
  }

  private claimStop(shipmentId: string): void {
    const shipment = this.shipments.find((one) => one.id === shipmentId);
    if (shipment?.status !== 'voiding' || shipment.dueAt > this.now) return;
    this.claim(shipment);
    this.calls.set(shipmentId, { kind: 'stop', shipment });
  }

  private claimAsk({ kind, id }: GatewayAsk): void {
    const payment = this.payments.find((one) => one.id === id);
    const refund = this.refunds.find((one) => one.id === id);
    if (kind === 'charge' && payment) {
      payment.firstAskedAt ??= this.now;
      this.claim(payment);
      this.calls.set(id, { kind, payment, wanted: payment.reservation.status === 'charging' });
    } else if (kind === 'refund' && refund) {
      this.claim(refund);
      this.calls.set(id, { kind, refund, keyNumber: refund.keyNumber });
    }
  }

  private claim(row: { tries: number; dueAt: number }): void {
    if (this.defect !== 'ask-stays-due')
      row.dueAt = this.now + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** row.tries);
    row.tries += 1;
  }

  private settleCharge(payment: Payment, outcome: 'captured' | 'declined'): void {
    if (!isInFlight(payment)) return;
    const { reservation } = payment;
    const isWanted = reservation.status === 'charging';
    payment.status = outcome;
    this.attention.delete(payment.id);
    if (outcome === 'declined') {
      if (!isWanted) return;
      if (reservation.seq > 1 && reservation.attempt === 1) reservation.dueAt = this.now + HOLD_MS;
      reservation.status = 'pending';
    } else if (isWanted) {
      reservation.status = 'confirmed';
      if (this.review === null || this.review === 'approved')
        for (const line of reservation.lines) this.ship(reservation, line);
      else if (this.review === 'open') this.reviewDueAt ??= this.now + REVIEW_MS;
      this.advance('paid');
    } else if (this.defect !== 'unwanted-charge-kept') {
      this.plan(payment, payment.amountMinor, payment.id);
    }
  }

  private ship(reservation: Reservation, line: Line): void {
    const id = `${reservation.id}/${line.warehouse}`;
    const asked = { isStopRefused: false, tries: 0, dueAt: 0 };
    this.shipments.push({ id, reservation, line, status: 'pending', ...asked });
  }

  private recordUnknown(payment: Payment): void {
    if (!isInFlight(payment)) return;
    payment.status = 'unknown';
    if (this.now - (payment.firstAskedAt ?? this.now) <= LIMIT_MS) return;
    this.attention.add(payment.id);
    if (payment.reservation.status !== 'charging') return;
    this.closeBackorders();
    this.release(payment.reservation, 'cancelled');
    this.settle('failed');
  }

  private recordDelay(refund: Refund): void {
    if (!isOpen(refund)) return;
    if (this.defect === 'new-key-without-outcome') refund.keyNumber += 1;
    if (refund.tries >= DELAYED_AFTER_TRIES) this.attention.add(refund.id);
  }

  private settleRefund(refund: Refund, outcome: RefundOutcome, keyNumber: number): void {
    const isForced = this.defect === 'late-failure-wins' && outcome.status === 'failed';
    if (!isForced && !refundMayBecome(refund, outcome, keyNumber)) return;
    const by = Number(outcome.status === 'succeeded') - Number(refund.status === 'succeeded');
    refund.payment.refundedMinor += by * refund.amountMinor;
    if (refund.status !== outcome.status) Object.assign(refund, { tries: 0, dueAt: this.now });
    refund.status = outcome.status;
    refund.gatewayRef = outcome.gatewayRef ?? refund.gatewayRef;
    if (outcome.status === 'failed') this.attention.add(refund.id);
    else this.attention.delete(refund.id);
    if (outcome.status === 'failed' && this.defect === 'failed-refund-unplanned')
      refund.payment.plannedMinor -= refund.amountMinor;
  }

  private plan(payment: Payment, wantedMinor: number, origin: string): void {
    const { amountMinor: capturedMinor, plannedMinor: refundPlannedMinor } = payment;
    const amountMinor = refundable({ capturedMinor, refundPlannedMinor }, wantedMinor);
    if (amountMinor === 0 || this.refunds.some((one) => one.origin === origin)) return;
    payment.plannedMinor += amountMinor;
    this.refunds.push({
      id: this.newId('r'),
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

  private reserve(lines: Seed['lines']): Reservation {
    const reservation: Reservation = {
      id: this.newId('h'),
      seq: this.reservations.length + 1,
      status: 'pending',
      attempt: 0,
      dueAt: this.now + HOLD_MS,
      lines: lines.map(({ units, priceMinor }, warehouse) => {
        return { warehouse, priceMinor, units, open: units, shipped: 0 };
      }),
    };
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
    this.endReview();
  }

  private advance(to: OrderStatus): void {
    if (mayBecome(this.status, to)) this.status = to;
  }

  private cancelEnd(): 'done' | 'refused' {
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

export function isOpen({ status }: { status: RefundStatus }): boolean {
  return status === 'planned' || status === 'pending';
}

export function isCaptured({ status }: { status: PaymentStatus }): boolean {
  return status === 'captured';
}

/** What units of these lines cost, minor units. */
export function worth(lines: readonly Line[], unitsOf: (line: Line) => number): number {
  return lines.reduce((sum, line) => sum + unitsOf(line) * line.priceMinor, 0);
}

function failure(gatewayRef: string | null): RefundOutcome {
  return { status: 'failed', gatewayRef, reason: 'refused' };
}
