import { afterVoid, beginVoid, hasLeft, hasStopped, shipmentMayBecome } from '../../domain/fulfilment/rules';
import type { ShipmentStatus } from '../../domain/fulfilment/types';
import { STOP, type NextStep } from '../../domain/ordering/rules';
import type { GatewayAsk, OrderProgress } from '../../domain/ordering/types';
import { hasEnded, mayBecome } from '../../domain/orders/rules';
import type { OrderStatus } from '../../domain/orders/types';
import { isInFlight, type PaidUnits } from '../../domain/payments/rules';
import type { ReservationStatus } from '../../domain/stock/reservations/types';
import { GatewayModel, type Known } from './gateway-model';
import { MoneyModel } from './money-model';
import {
  isPaid,
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

const HOLD_MS = 900_000;
const LIMIT_MS = 3_600_000;
const BACKORDER_MS = 86_400_000;
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
  readonly reservations: Reservation[] = [];
  readonly shipments: Shipment[] = [];
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
    if (seed.lines.length > 0) {
      const first = this.reserve(seed.lines);
      if (seed.isPaidWithOrder) this.money.charge(first, { offSession: false });
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

  get underWay(): Set<string> {
    return new Set([...this.calls.keys()].filter((id) => !id.startsWith('lost:')));
  }

  progress(): OrderProgress {
    const live = this.reservations.filter(({ status }) =>
      ['pending', 'charging', 'confirmed'].includes(status),
    );
    const stopping = this.shipments.filter(({ status }) => status === 'voiding');
    return {
      orderId: 'o',
      status: this.status,
      failureCode: null,
      reservations: live.map(({ id, seq, status, attempt, dueAt }) => {
        return {
          reservationId: id,
          seq,
          status,
          attempt,
          expiresAt: String(dueAt),
          msLeft: dueAt - this.now,
        };
      }),
      payments: this.money.payments.map(({ id, status }) => ({ paymentId: id, status })),
      asks: this.money.asks(),
      hasPaymentMethod: this.hasMethod,
      cancel: this.cancel === 'open' && hasEnded(this.status) ? this.cancelEnd() : this.cancel,
      waitingUnits: this.waiting,
      waitingMsLeft: this.waiting > 0 && !this.seed.waitsForEver ? BACKORDER_MS - this.now : null,
      shipments: {},
      stoppableShipments: this.shipments.filter((one) => !one.isStopRefused && beginVoid(one.status)).length,
      stopMsLeft: stopping.length > 0 ? Math.min(...stopping.map(({ dueAt }) => dueAt)) - this.now : null,
      unreleasedShipments: this.shipments.filter((one) => this.isReleasable(one)).length,
      attention: [],
      cuts: [],
      mayCut: false,
      mayCapture: this.money.mayCapture,
      lapseMsLeft: this.money.lapseMsLeft,
      doubledShipments: 0,
    };
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
      case 'give-up-backorders':
        this.closeBackorders();
        {
          this.settle('expired');
          return;
        }
      case 'begin-charge':
        return void this.beginCharge(this.reservation(step.reservationId), { offSession: true });
      case 'stop': {
        this.claimStops();
        return;
      }
      case 'ask': {
        this.claimAsk(step.ask);
        return;
      }
      case 'settle-authorizations': {
        this.money.settleAuthorizations();
        return;
      }
      case 'act-on-lapse': {
        this.actOnLapse();
        return;
      }
      case 'stop-doubled':
      case 'cut':
      case 'wait':
      case 'finish':
        return;
    }
  }

  /* Requests, and what happens elsewhere. */

  requestCancel(): void {
    if (hasEnded(this.status)) return;
    for (const shipment of this.shipments) shipment.isStopRefused = false;
    this.recordCancel();
  }

  private recordCancel(): void {
    if (hasEnded(this.status) || this.cancel === 'open') return;
    this.cancel = 'open';
    this.cancelBase = this.cancelled;
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
    this.money.takePlaceOf(waiting);
    return true;
  }

  allocate(units: number): void {
    const taken = Math.min(units, this.waiting);
    if (taken === 0 || hasEnded(this.status)) return;
    this.waiting -= taken;
    this.reserve([{ units: taken, priceMinor: this.seed.waitingPriceMinor }]);
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
    else if (call.kind === 'stop') for (const shipment of call.shipments) this.answerStop(shipment, reply);
    else this.money.answer(call, reply);
  }

  private answerCharge({ payment, wanted }: OpenCall & { kind: 'charge' }, reply: Reply): void {
    const known = this.gateway.charge(payment, { wanted, reply });
    if (known) this.settleCharge(payment, known);
    else this.recordUnknown(payment);
  }

  private answerStop(shipment: Shipment, reply: Reply): void {
    if (reply === 'away' || reply === 'lost' || reply === 'customer') return;
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
    for (const one of this.reservations)
      if (one.status === 'pending' || one.status === 'charging') this.release(one, 'cancelled');
    this.settle('cancelled');
  }

  private releaseStopped(): void {
    const wasCancelled = this.cancel === 'open' || this.cancel === 'done';
    for (const shipment of this.shipments.filter((one) => this.isReleasable(one))) {
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

  private isReleasable({ status, line }: Shipment): boolean {
    const isFinal = hasStopped(status) || (this.defect === 'release-before-final' && status === 'voiding');
    return isFinal && line.open > 0;
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
    this.money.charge(reservation, by);
    return true;
  }

  private actOnLapse(): void {
    if (this.money.actOnLapse() && this.seed.authorized?.onLapse === 'cancel') this.recordCancel();
  }

  private claimStops(): void {
    const shipments = this.shipments.filter((one) => one.status === 'voiding' && one.dueAt <= this.now);
    for (const shipment of shipments) this.money.count(shipment);
    this.calls.set(STOP, { kind: 'stop', shipments });
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
    for (const line of reservation.lines) this.ship(reservation, line);
    this.advance('paid');
  }

  private unitsOf(reservation: Reservation): PaidUnits {
    return {
      parcels: this.shipments
        .filter((one) => one.reservation === reservation && hasLeft(one.status))
        .map(({ id: shipmentId, line }) => ({ shipmentId, minor: line.shipped * line.priceMinor })),
      reservedMinor: worth(reservation.lines, ({ open }) => open),
      isOpen: reservation.status === 'confirmed',
    };
  }

  private ship(reservation: Reservation, line: Line): void {
    const id = `${reservation.id}/${line.warehouse}`;
    const asked = { isStopRefused: false, tries: 0, dueAt: 0 };
    this.shipments.push({ id, reservation, line, status: 'pending', ...asked });
  }

  private recordUnknown(payment: Payment): void {
    if (!isInFlight(payment)) return;
    if (payment.status === 'pending') payment.status = 'unknown';
    if (this.now - (payment.firstAskedAt ?? this.now) <= LIMIT_MS) return;
    this.money.attention.add(payment.id);
    if (payment.reservation.status !== 'charging') return;
    this.closeBackorders();
    this.release(payment.reservation, 'cancelled');
    this.settle('failed');
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
