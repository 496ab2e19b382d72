import type { ShipmentStatus } from '../../domain/fulfilment/types';
import { nextStep, type NextStep } from '../../domain/ordering/rules';
import { hasEnded } from '../../domain/orders/rules';
import { isInFlight } from '../../domain/payments/rules';
import type { Charge } from './gateway-model';
import type { Happening } from './happenings';
import { hold } from './hold';
import { expectCapturesPlanned, expectConsistent, expectFinished, expectSettled } from './order-invariants';
import { OrderModel } from './order-model';
import { progressOf } from './order-progress';
import type { Defect, Payment, Reply, Seed } from './order-rows';

type Next = typeof nextStep;

const LONGEST_RUN = 400;
/** What a person settles may let the gateway refuse something else. */
const ATTEMPTS_BY_HAND = 2;

/** One order, driven by its saga, with what happens to it; everything is checked after each of both. */
export class OrderRun {
  private readonly model: OrderModel;
  /** What was asked about, in which state and when: each at most once. */
  private readonly asked = new Set<string>();
  /** Shipments that the carrier has refused to stop since it was last wished for. */
  private readonly refused = new Set<string>();

  constructor(seed: Seed, { defect = null, next = nextStep }: { defect?: Defect | null; next?: Next } = {}) {
    this.model = new OrderModel(seed, defect);
    this.next = next;
  }

  private readonly next: Next;

  happen(event: Happening): void {
    const { model } = this;
    const { money } = model;
    switch (event.what) {
      case 'saga':
        for (let n = 0; n < event.steps && this.step().do !== 'wait'; n++);
        break;
      case 'answer':
        this.answer(pick([...model.calls.keys()], event.which), event.reply);
        break;
      case 'carrier': {
        const shipment = pick(model.shipments, event.which);
        if (shipment) model.move(shipment, event.to);
        break;
      }
      case 'time':
        model.now += event.ms;
        break;
      case 'allocate':
        model.allocate(event.units);
        break;
      case 'goodwill': {
        const payment = pick(money.payments, event.which);
        if (payment) money.giveBack(payment, event.amountMinor);
        break;
      }
      case 'customer': {
        const payment = pick(money.payments, event.which);
        if (!payment) break;
        model.gateway.authenticate(payment, event.isGood);
        if (!event.isTold || !isInFlight(payment)) break;
        // It is asked about at once, also where it was at the same moment.
        payment.dueAt = Math.min(payment.dueAt, model.now);
        this.asked.clear();
        break;
      }
      case 'retry':
      case 'bank':
      case 'settle-refund': {
        const refund = pick(money.refunds, event.which);
        if (!refund) break;
        if (event.what === 'retry') money.retryRefund(refund);
        else if (event.what === 'bank') money.failAtBank(refund);
        else money.settleRefundByHand(refund);
        break;
      }
      case 'retry-capture':
      case 'settle-capture': {
        const capture = pick(money.captures, event.which);
        if (!capture) break;
        this.asked.clear();
        if (event.what === 'settle-capture') money.settleCaptureByHand(capture, event);
        else money.retryCapture(capture);
        break;
      }
      case 'dispute': {
        const payment = pick(money.payments, event.which);
        if (payment) money.disputes.open(payment, event);
        break;
      }
      case 'move-dispute':
        money.disputes.move(event.which);
        break;
      case 'tell-dispute':
        this.lookAtRefunds(money.disputes.tell(event.which));
        break;
      case 'cancel':
        this.refused.clear();
        model.requestCancel();
        break;
      case 'review':
        model.decide(event.outcome);
        break;
      case 'pay':
        model.pay();
        break;
      case 'restart':
        model.restart();
        break;
    }
    expectConsistent(model);
  }

  /**
   * From now on the world answers, and parcels leave: the saga must come to its end. Then a person settles what the gateway refused, as
   * is said, and it must come to its end again.
   */
  finish(): void {
    const { money } = this.model;
    for (const payment of money.disputes.settle()) this.lookAtRefunds(payment);
    hold('our books say of a dispute what the gateway says', money.disputes.isTrue);
    this.runToEnd();
    for (const capture of money.captures)
      if (capture.status === 'failed') money.settleCaptureByHand(capture, { isWaived: false });
    for (let rounds = 0; rounds < ATTEMPTS_BY_HAND; rounds++) {
      this.runToEnd();
      for (const refund of money.refunds) if (refund.status === 'failed') money.settleRefundByHand(refund);
    }
    expectSettled(this.model);
  }

  /** They are asked about at once, also where they were at the same moment. */
  private lookAtRefunds(payment: Payment | null): void {
    if (!payment) return;
    this.model.money.lookAtRefunds(payment);
    this.asked.clear();
  }

  private runToEnd(): void {
    const { model } = this;
    for (let rounds = 0; rounds < LONGEST_RUN; rounds++) {
      const step = this.step();
      expectConsistent(model);
      if (step.do === 'finish') return;
      if (step.do !== 'wait') continue;
      const [call] = model.calls.keys();
      const parcel = model.shipments.find(({ status }) => ['pending', 'booking', 'booked'].includes(status));
      if (call !== undefined) this.answer(call, this.lastReply(call));
      else if (parcel) model.move(parcel, LEAVING[parcel.status] ?? 'picked_up');
      else if (model.money.doubtful.length > 0)
        for (const refund of model.money.doubtful) model.money.settleRefundByHand(refund);
      else if (step.ms !== null) model.now += Math.max(1, step.ms);
      else {
        hold('what waits without a time waits for stock', model.waiting > 0);
        model.allocate(model.waiting);
      }
    }
    throw new Error('Broken: every order ends once the world answers');
  }

  /** What the world answers at last: as is wished, but customers who do not authenticate. */
  private lastReply(id: string): Reply {
    const { seed, calls, gateway } = this.model;
    const call = calls.get(id);
    const isAwaited =
      call?.kind === 'charge' && gateway.charges.get(call.payment.id)?.status === 'requires_action';
    return isAwaited && seed.isAbandoned ? 'held' : 'yes';
  }

  private step(): NextStep {
    const { model } = this;
    const before = progressOf(model);
    const underWay = model.underWay;
    const step = this.next(before, underWay);
    if (step.do === 'wait' || step.do === 'ask') expectCapturesPlanned(model);
    if (step.do === 'wait') this.expectNothingDue(step.ms);
    else if (step.do === 'finish') expectFinished(model);
    else {
      this.expectNew(step);
      model.perform(step);
      const isChanged =
        model.underWay.size !== underWay.size || JSON.stringify(progressOf(model)) !== JSON.stringify(before);
      hold(`a step changes something: ${step.do}`, isChanged);
    }
    return step;
  }

  private answer(id: string | undefined, reply: Reply): void {
    const { model } = this;
    const call = id === undefined ? undefined : model.calls.get(id);
    if (id === undefined || !call) return;
    const { charges } = model.gateway;
    const isUnwanted = call.kind === 'charge' && !call.wanted && isUndecided(charges.get(call.payment.id));
    model.answer(id, reply);
    if (isUnwanted) {
      const status = charges.get(call.payment.id)?.status;
      hold(
        'nothing is charged once its reservation is given up',
        status !== 'captured' && status !== 'authorized',
      );
    }
    if (call.kind === 'stop' && reply === 'no' && call.shipment.status === 'booked')
      this.refused.add(call.shipment.id);
  }

  /** What failed is not tried again before its time, nor what is under way a second time. */
  private expectNew(step: NextStep): void {
    const { model } = this;
    if (step.do === 'stop') {
      hold('one call stops a shipment at a time', !model.underWay.has(step.shipmentId));
      hold('a carrier that refused is not asked again', !this.refused.has(step.shipmentId));
    }
    if (step.do !== 'ask') return;
    const { id, kind } = step.ask;
    hold('what is under way is not asked again', !model.underWay.has(id));
    const { payments, captures, refunds } = model.money;
    const asked = captures.find((one) => one.id === id);
    const others = captures.filter((one) => one.payment === asked?.payment && one.status === 'planned');
    hold(
      'captures of a payment are made one at a time',
      others.every((one) => one === asked || !model.underWay.has(one.id)),
    );
    const row = [...payments, ...captures, ...refunds].find((found) => found.id === id);
    const key = row && 'keyNumber' in row ? row.keyNumber : 0;
    const state = row && 'serves' in row ? String(row.serves) : row?.status;
    const about = `${kind} ${id} ${key} ${state} ${model.now}`;
    hold('the same is not asked twice at one moment', !this.asked.has(about));
    this.asked.add(about);
  }

  private expectNothingDue(ms: number | null): void {
    const {
      asks,
      cancel,
      stopMsLeft,
      stops = [],
      reservations,
      waitingMsLeft,
      status,
      ...left
    } = progressOf(this.model);
    const { reviewMsLeft = null, lapseMsLeft = null } = left;
    const underWay = this.model.underWay;
    const times = [
      ...asks.filter(({ id }) => !underWay.has(id)).map(({ msLeft }) => msLeft),
      ...stops.filter(({ shipmentId }) => !underWay.has(shipmentId)).map(({ msLeft }) => msLeft),
      ...reservations.filter((one) => one.status === 'pending').map(({ msLeft }) => msLeft),
      ...(waitingMsLeft === null ? [] : [waitingMsLeft]),
      ...(reviewMsLeft === null ? [] : [reviewMsLeft]),
      ...(lapseMsLeft === null || hasEnded(status) ? [] : [lapseMsLeft]),
    ];
    const soonest = times.length === 0 ? null : Math.min(...times);
    hold('a request to cancel waits for a carrier only', cancel !== 'open' || stopMsLeft !== null);
    hold('it waits until the earliest that is due', ms === soonest && (ms === null || ms > 0));
  }
}

const LEAVING: Partial<Record<ShipmentStatus, ShipmentStatus>> = { pending: 'booking', booking: 'booked' };

function isUndecided(charge: Charge | undefined): boolean {
  return charge === undefined || charge.status === 'requires_action';
}

function pick<T>(from: readonly T[], which: number): T | undefined {
  return from.length === 0 ? undefined : from[which % from.length];
}
