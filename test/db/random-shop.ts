import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { executeCharge, markUnknown } from '../../domain/payments/charge';
import { refundOrder } from '../../domain/ordering/refund';
import type { ClosableGateway } from '../../domain/payments/types';
import { claimShipments, recordBookings } from '../../domain/fulfilment/book';
import { voidShipments } from '../../domain/fulfilment/void';
import {
  abandonReservation,
  cancelUnpaid,
  refuseCancel,
  releaseStoppedShipments,
  requestCancel,
} from '../../domain/ordering/cancel';
import { beginCharge, settleCharge } from '../../domain/ordering/pay';
import { drainAllocation } from '../../domain/ordering/backorders/drain-allocation';
import { expireReservation } from '../../domain/ordering/expire';
import { readProgress } from '../../domain/ordering/progress';
import { mayCancel, nextStep } from '../../domain/ordering/rules';
import type { OrderProgress } from '../../domain/ordering/types';
import type { OrderInput } from '../../domain/orders/types';
import { undoReserve } from '../../domain/ordering/undo-reserve';
import { isAppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { testLogger } from '../support/servers';
import {
  carry,
  CARRIER,
  makeDue,
  obligingCarrier,
  orderOf,
  receive,
  viewOf,
  type OrderShop,
} from './support';
import type { Step } from './random-step';

/** Takes the steps of many sagas, dispatchers and operators on one shop, without any of them. */
export class RandomShop {
  readonly orders: OrderInput[] = [];
  private readonly gateway: ClosableGateway;
  constructor(
    private readonly shop: OrderShop,
    private readonly skus: readonly string[],
  ) {
    this.gateway = createSandboxGateway({ url: shop.url, log: testLogger(), callTimeoutMs: 5_000 });
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
        const request = { orderId, updateId: newId(), payment, reservationId: null, gateway: 'sandbox' };
        await beginCharge(db, request);
        return;
      }
      case 'settle':
        return progress.charge ? this.settle(progress.charge.paymentId) : undefined;
      case 'abandon':
        if (progress.charge) await abandonReservation(db, { orderId, ...progress.charge });
        return;
      // Nobody expires it: a shortage may.
      case 'due':
        return makeDue(db, orderId);
      case 'expire':
        return this.expire(progress);
      case 'cancel':
        return this.cancel(progress);
      case 'compensate':
        return this.compensate(orderId, 'failed-only');
      case 'carrier': {
        const [shipment] = (await viewOf(db, orderId)).shipments.filter((s) => s.status !== 'delivered');
        return shipment && carry(db, shipment.id, taken.type);
      }
    }
  }

  /** Does what its saga would, until the order has ended. */
  async finish(input: OrderInput): Promise<void> {
    const { db } = this.shop;
    const { orderId } = input;
    for (let steps = 0; steps < 100; steps++) {
      const progress = await readProgress(db, orderId);
      if (!progress) return;
      const next = nextStep(progress);
      if (next.do === 'finish') return;
      if (next.do === 'charge') await this.settle(next.paymentId);
      else if (next.do === 'cancel') await this.cancel(progress);
      else if (next.do === 'compensate') await this.compensate(orderId, 'failed-only');
      else if (next.do === 'begin-charge') {
        const { reservationId } = next;
        const updateId = `allocation:${reservationId}`;
        await beginCharge(db, { orderId, updateId, payment: null, reservationId, gateway: 'sandbox' });
      } else if (next.do === 'expire' || next.for === 'payment') await this.expire(progress);
      else if (next.for === 'shipment') {
        const [shipment] = (await viewOf(db, orderId)).shipments.filter(
          (s) => s.status === 'pending' || s.status === 'booked',
        );
        if (shipment) await carry(db, shipment.id, 'picked_up');
        else await this.book(false);
      } else if (mayCancel(progress)) await this.cancel(progress);
      // Part of it has left, so it can only wait for the rest.
      else for (const { sku } of input.items) await receive(db, sku, 'AMS', 5);
    }
    throw new Error(`The order did not end: ${JSON.stringify(await readProgress(db, orderId))}`);
  }

  private async place({ quantities, fulfilment, token: card }: Step & { do: 'place' }): Promise<void> {
    const items = quantities.flatMap((units, index) =>
      units > 0 ? [[this.skus[index] ?? '', units] as const] : [],
    );
    const payment = card === null ? null : { method: 'card', token: card };
    const input = orderOf(Object.fromEntries(items), { fulfilment, payment });
    this.orders.push(input);
    await this.shop.place(input);
  }

  private async settle(paymentId: string): Promise<void> {
    const { db } = this.shop;
    const outcome = await executeCharge({ db, gateway: this.gateway, paymentId }).catch((error: unknown) => {
      if (!isAppError(error, 'PAYMENT_GATEWAY_UNAVAILABLE')) throw error;
      return { status: 'unknown' } as const;
    });
    if (outcome.status === 'unknown') await markUnknown(db, paymentId);
    else await settleCharge(db, { paymentId, outcome, carrier: CARRIER });
  }

  private async expire({ orderId, reservations }: OrderProgress): Promise<void> {
    const [hold] = reservations.filter((each) => each.status === 'pending');
    await makeDue(this.shop.db, orderId);
    if (hold) await expireReservation(this.shop.db, { orderId, reservationId: hold.reservationId });
  }

  private async cancel(progress: OrderProgress): Promise<void> {
    const { db } = this.shop;
    const { orderId } = progress;
    // A saga would first wait for the outcome of the charge.
    if (progress.charge || !mayCancel(progress)) {
      await refuseCancel(db, orderId);
      return;
    }
    await requestCancel(db, { orderId, reason: 'test' });
    await cancelUnpaid(db, orderId);
    await this.compensate(orderId, 'all');
    await refuseCancel(db, orderId);
  }

  private async compensate(orderId: string, which: 'all' | 'failed-only'): Promise<void> {
    const { db } = this.shop;
    await voidShipments({ db, carriers: [obligingCarrier], orderId, which });
    await refundOrder({ db, gateway: this.gateway, orderId, reason: 'test' });
    await releaseStoppedShipments(db, { orderId, endAs: which === 'all' ? 'cancelled' : 'failed' });
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
