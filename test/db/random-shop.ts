import { ASK_LIMIT_MS, CHARGE_TERMS } from '../support/fixtures';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import type { ClosableGateway } from '../../domain/payments/gateway';
import { claimShipments, recordBookings } from '../../domain/fulfilment/book';
import { askToStop } from '../../domain/fulfilment/stop';
import type { Carrier } from '../../domain/fulfilment/types';
import { askGateway } from '../../domain/ordering/ask-gateway';
import {
  abandonReservation,
  cancelUndelivered,
  concludeCancel,
  requestCancel,
} from '../../domain/ordering/cancel';
import { actOnLapse, settleAuthorizations, type LapseAction } from '../../domain/ordering/capture';
import { beginCharge } from '../../domain/ordering/pay';
import { settleCaptureByHand } from '../../domain/payments/captures-by-hand';
import { drainAllocation } from '../../domain/ordering/backorders/drain-allocation';
import { expireReservation, giveUpBackorders } from '../../domain/ordering/expire';
import { readProgress } from '../../domain/ordering/progress';
import { decideReview, decideReviewByDeadline } from '../../domain/ordering/review';
import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import { nextStep, type NextStep } from '../../domain/ordering/rules';
import type { GatewayAsk, OrderProgress } from '../../domain/ordering/types';
import type { OrderInput } from '../../domain/orders/types';
import { undoReserve } from '../../domain/ordering/undo-reserve';
import { isAppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { authorise, comesIn, inspect } from '../returns/support';
import { testLogger } from '../support/servers';
import {
  carry,
  CARRIER,
  giveBack,
  makeActionsDue,
  makeAsksDue,
  makeBackordersDue,
  makeDue,
  makeReviewDue,
  orderOf,
  receive,
  viewOf,
  type OrderShop,
} from './support';
import type { Step, Stopping } from './random-step';

/** Takes the steps of many sagas, dispatchers and operators on one shop, without any of them. */
export class RandomShop {
  readonly orders: OrderInput[] = [];
  private readonly gateway: ClosableGateway;
  constructor(
    private readonly shop: OrderShop,
    private readonly skus: readonly string[],
  ) {
    // A refund that is taken at first fails soon afterwards.
    const options = { url: shop.url, log: testLogger(), callTimeoutMs: 5_000, slowMs: 20 };
    this.gateway = createSandboxGateway(options);
  }

  close(): Promise<void> {
    return this.gateway.close();
  }

  async take(taken: Step): Promise<void> {
    const { db } = this.shop;
    if (taken.do === 'place') return this.place(taken);
    if (taken.do === 'receive') {
      const sku = this.skus[taken.sku] ?? '';
      // Taking away more than is free is refused, and that is all.
      await receive(db, sku, taken.warehouse, taken.delta).catch((error: unknown) => {
        if (!isAppError(error)) throw error;
      });
      return;
    }
    if (taken.do === 'book') return this.book(taken.refuse);
    if (taken.do === 'drain') return this.drain();
    const input = this.orders[taken.order % Math.max(1, this.orders.length)];
    const progress = input && (await readProgress(db, input.orderId));
    if (input && progress) await this.takeWith(taken, input, progress);
  }

  private async takeWith(taken: Step, input: OrderInput, progress: OrderProgress): Promise<void> {
    const { db } = this.shop;
    const { orderId } = input;
    switch (taken.do) {
      case 'again':
        await this.shop.place(input);
        return;
      case 'undo':
        await undoReserve(db, { order: input, code: 'CANCELLED', detail: '' });
        return;
      case 'pay': {
        const payment = { method: 'card', token: taken.token };
        await beginCharge(db, { ...this.chargeOf(orderId), payment });
        return;
      }
      case 'ask':
        for (const ask of progress.asks.slice(0, 1)) await this.ask(orderId, ask);
        return;
      case 'abandon':
        for (const { paymentId } of progress.payments) await abandonReservation(db, { orderId, paymentId });
        return;
      // Nobody expires it: a shortage may.
      case 'due':
        return makeDue(db, orderId);
      case 'expire':
        return this.expire(progress);
      case 'request-cancel':
        await requestCancel(db, { orderId, reason: 'test' });
        return;
      case 'cancel':
        await requestCancel(db, { orderId, reason: 'test' });
        await cancelUndelivered(db, orderId);
        return;
      case 'conclude-cancel':
        // A saga concludes only when nothing can be ended and nothing is being stopped.
        if (nextStep(progress).do === 'conclude-cancel') await concludeCancel(db, orderId);
        return;
      case 'release-stopped':
        return this.release(progress);
      case 'give-up-backorders':
        await makeBackordersDue(db, orderId);
        await giveUpBackorders(db, orderId);
        return;
      case 'stop':
        return this.stop(orderId, taken.by);
      case 'settle-authorizations':
        await settleAuthorizations(db, orderId);
        return;
      case 'settle-captures':
        await this.settleCaptures(orderId);
        return;
      case 'review':
        // One that is decided, or that has ended, stays as it is.
        await decideReview(db, {
          orderId,
          outcome: taken.outcome,
          actor: 'test',
          note: null,
          carrier: CARRIER,
        }).catch((error: unknown) => {
          if (!isAppError(error, 'NOT_IN_REVIEW')) throw error;
        });
        return;
      case 'lapse':
        return this.lapse(orderId, taken.action);
      case 'give-back':
        return giveBack(db, orderId, taken.amountMinor);
      case 'return':
        return this.bringBack(orderId, taken);
      case 'carrier': {
        const [shipment] = (await viewOf(db, orderId)).shipments.filter((s) => s.status !== 'delivered');
        return shipment && carry(db, shipment.id, taken.type);
      }
    }
  }

  /** A customer sends back units of the first item of which some have left and are not back yet; each step twice. */
  private async bringBack(orderId: string, taken: Extract<Step, { do: 'return' }>): Promise<void> {
    const { db } = this.shop;
    for (const { sku, fulfilledQuantity } of (await viewOf(db, orderId)).items) {
      const quantity = Math.min(taken.units, fulfilledQuantity);
      if (quantity === 0) continue;
      try {
        const { id } = await authorise(db, orderId, { [sku]: quantity });
        await comesIn(db, id, { [sku]: quantity });
        const refundQuantity = Math.min(taken.refunded, quantity);
        const restockingFee = { percent: taken.feePercent };
        const result = { sku, restock: quantity - 1, writeOff: 1, refundQuantity, restockingFee };
        const stepId = newId();
        await inspect(db, id, [result], stepId);
        await inspect(db, id, [result], stepId);
        return;
      } catch (error) {
        if (!isAppError(error, 'NOT_RETURNABLE')) throw error;
      }
    }
  }

  /** Does what its saga would, until the order has ended. Whatever it waits for comes. */
  async finish(input: OrderInput): Promise<void> {
    const { db } = this.shop;
    const { orderId } = input;
    for (let steps = 0; steps < 100; steps++) {
      const progress = await readProgress(db, orderId);
      if (!progress) return;
      const next = nextStep(progress);
      if (next.do === 'finish' && (await this.settleCaptures(orderId)) === 0) return;
      await this.perform(next, input, progress);
    }
    throw new Error(`The order did not end: ${JSON.stringify(await readProgress(db, orderId))}`);
  }

  private async perform(
    next: NextStep,
    { orderId, items }: OrderInput,
    progress: OrderProgress,
  ): Promise<void> {
    const { db } = this.shop;
    switch (next.do) {
      case 'finish':
        return;
      case 'cancel':
        await cancelUndelivered(db, orderId);
        return;
      case 'conclude-cancel':
        await concludeCancel(db, orderId);
        return;
      case 'release-stopped':
        return this.release(progress);
      case 'expire':
        return this.expire(progress);
      case 'give-up-backorders':
        await giveUpBackorders(db, orderId);
        return;
      case 'settle-authorizations':
        await settleAuthorizations(db, orderId);
        return;
      case 'decide-review':
        await decideReviewByDeadline(db, { orderId, carrier: CARRIER });
        return;
      case 'act-on-lapse':
        await actOnLapse(db, { orderId, action: 'capture' });
        return;
      case 'begin-charge': {
        const { reservationId } = next;
        const updateId = `allocation:${reservationId}`;
        await beginCharge(db, { ...this.chargeOf(orderId), updateId, reservationId });
        return;
      }
      case 'stop':
        return this.stop(orderId, 'voided');
      case 'ask':
        return this.ask(orderId, next.ask);
      case 'wait':
        if (next.for === 'carrier-stop' || next.for === 'gateway') {
          await makeActionsDue(db, orderId);
          return makeAsksDue(db, orderId);
        }
        if (next.for === 'review') return makeReviewDue(db, orderId);
        if (next.for === 'payment') return this.expire(progress);
        if (next.for === 'stock') {
          for (const { sku } of items) await receive(db, sku, 'AMS', 5);
          return;
        }
        // Some change their mind when the parcels are about to leave.
        if (progress.cancel === null && this.orders.findIndex((one) => one.orderId === orderId) % 3 === 0)
          await requestCancel(db, { orderId, reason: 'test' });
        else await this.moveParcel(orderId);
        return;
    }
  }

  private async moveParcel(orderId: string): Promise<void> {
    const { db } = this.shop;
    const [shipment] = (await viewOf(db, orderId)).shipments.filter(
      (s) => s.status === 'pending' || s.status === 'booked',
    );
    if (shipment) await carry(db, shipment.id, 'picked_up');
    else await this.book(false);
  }

  private chargeOf(orderId: string) {
    const at = { gateway: 'sandbox', attemptLimit: 4 };
    return { orderId, updateId: newId(), payment: null, reservationId: null, ...at };
  }

  private async ask(orderId: string, ask: GatewayAsk): Promise<void> {
    const deps = { db: this.shop.db, gatewayNamed: () => this.gateway, carrier: CARRIER, ...CHARGE_TERMS };
    const limits = { firstRetrySeconds: 0.01, unknownLimitSeconds: 60, briefMs: null };
    await askGateway(deps, { orderId, ask, ...limits });
  }

  /** The gateway is about to drop its authorisations. */
  private async lapse(orderId: string, action: LapseAction): Promise<void> {
    const { db } = this.shop;
    await db.pool.query(
      `update payments set capture_due_at = clock_timestamp() where order_id = $1 and capture_due_at is not null`,
      [orderId],
    );
    await actOnLapse(db, { orderId, action });
  }

  /** A person takes the money of captures that the gateway refused in another way. Returns how many. */
  private async settleCaptures(orderId: string): Promise<number> {
    const { payments } = await viewOf(this.shop.db, orderId);
    const failed = payments.flatMap(({ captures }) => captures).filter(({ status }) => status === 'failed');
    for (const { id: captureId } of failed) {
      const how = { outcome: 'made_elsewhere' as const, reference: null, reason: 'test', actor: 'test' };
      await settleCaptureByHand(this.shop.db, { askLimitMs: ASK_LIMIT_MS, captureId, ...how });
    }
    return failed.length;
  }

  private async stop(orderId: string, by: Stopping): Promise<void> {
    const carrier: Carrier = {
      name: CARRIER,
      book: () => Promise.resolve([]),
      void: () => (by === 'silent' ? Promise.reject(new Error('no response')) : Promise.resolve(by)),
    };
    await askToStop({ db: this.shop.db, carriers: [carrier] }, orderId);
  }

  private async release({ orderId, cancel }: OrderProgress): Promise<void> {
    const endAs = cancel === 'open' || cancel === 'done' ? 'cancelled' : 'failed';
    await releaseStoppedShipments(this.shop.db, { orderId, endAs });
  }

  private async place({
    quantities,
    fulfilment,
    token: card,
    capture,
    review: otherwise,
  }: Step & { do: 'place' }): Promise<void> {
    const items = quantities.flatMap((units, index) =>
      units > 0 ? [[this.skus[index] ?? '', units] as const] : [],
    );
    const payment = card === null ? null : { method: 'card', token: card };
    const review = otherwise ? { fromMinor: { USD: 0 }, seconds: 3_600, otherwise } : undefined;
    const input = orderOf(Object.fromEntries(items), { fulfilment, payment, capture, review });
    this.orders.push(input);
    await this.shop.place(input);
  }

  private async expire({ orderId, reservations }: OrderProgress): Promise<void> {
    const [hold] = reservations.filter((each) => each.status === 'pending');
    await makeDue(this.shop.db, orderId);
    if (hold) await expireReservation(this.shop.db, { orderId, reservationId: hold.reservationId });
  }

  private async book(refuse: boolean): Promise<void> {
    const claimed = await claimShipments(this.shop.db, { carrier: CARRIER, limit: 3, leaseSeconds: 60 });
    await recordBookings(
      this.shop.db,
      claimed.map(({ shipmentId }, index) =>
        refuse && index === 0
          ? { shipmentId, status: 'refused', reason: 'test' }
          : {
              shipmentId,
              status: 'booked',
              trackingNumber: shipmentId,
              labelUrl: 'https://labels.example/1',
            },
      ),
    );
  }

  private async drain(): Promise<void> {
    const kept = await this.shop.db.pool.query<{ id: string }>(
      `select id from reservations where kind = 'allocation'`,
    );
    for (const { id } of kept.rows) await drainAllocation(this.shop.db, id);
  }
}
