import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import { claimShipments } from '../../domain/fulfilment/book';
import { createOrderAmender } from '../../domain/ordering/amendments/amend';
import { readAmendment, requestAmend } from '../../domain/ordering/amendments/request';
import { concludeCancel } from '../../domain/ordering/cancel';
import { cutUnits } from '../../domain/ordering/cuts/cut';
import { beginCharge } from '../../domain/ordering/pay';
import { existingProgress } from '../../domain/ordering/progress';
import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import { nextStep } from '../../domain/ordering/rules';
import type { OrderView } from '../../domain/ordering/types';
import { orderPaymentId } from '../../domain/orders/ids';
import type { ShipTo } from '../../domain/stock/sourcing/types';
import { newId } from '../../platform/ids';
import { capture, CARRIER, orderOf, PAYMENT, settleCharge, twice, viewOf, type OrderShop } from './support';

/** Amendments of one order. */
export const AMENDMENT_LIMIT = 8;

/** Units of an order by SKU: reserved, waiting, cancelled. */
export const unitsOf = (view: OrderView) =>
  Object.fromEntries(
    view.items.map((item) => [
      item.sku,
      [item.reservedQuantity, item.backorderedQuantity, item.cancelledQuantity],
    ]),
  );

/** What an amendment must leave alone. */
export const asBefore = ({ status, totalMinor, shipTo, items, shipments }: OrderView) => ({
  status,
  totalMinor,
  shipTo,
  items,
  shipments,
});

/** What tests of amendments do with the orders of a shop, which is opened later. */
export function amendingOrders(shop: () => OrderShop) {
  const amend = (orderId: string, amountProblem: () => string | null = () => null) =>
    createOrderAmender({
      db: shop().db,
      warehouses: createWarehouseDirectory(shop().db),
      gateway: { amountProblem },
      strategy: 'nearest',
      attemptLimit: 2,
      unpaidLimits: { orders: 20, units: 1_000 },
    })(orderId);

  async function ask(
    orderId: string,
    items: Record<string, number>,
    shipTo: ShipTo | null = null,
    requestId = newId(),
  ): Promise<string> {
    const lines = Object.entries(items).map(([sku, quantity]) => ({ sku, quantity }));
    await requestAmend(shop().db, { orderId, requestId, items: lines, shipTo }, AMENDMENT_LIMIT);
    return requestId;
  }

  const outcomeOf = async (requestId: string) => (await readAmendment(shop().db, requestId))!;

  /** Does what the saga does without the gateway, each step twice. Returns what is due at the gateway, at the end. */
  async function carryOut(orderId: string) {
    const { db } = shop();
    for (let steps = 0; steps < 20; steps++) {
      const progress = await existingProgress(db, orderId);
      const step = nextStep(progress);
      if (step.do === 'amend') await twice(db, () => amend(orderId));
      else if (step.do === 'conclude-cancel') await concludeCancel(db, orderId);
      else if (step.do === 'cut') await twice(db, () => cutUnits(db, orderId));
      else if (step.do === 'release-stopped')
        await twice(db, () => releaseStoppedShipments(db, { orderId, endAs: 'cancelled' }));
      else if (step.do === 'begin-charge')
        await beginCharge(db, {
          orderId,
          updateId: `allocation:${step.reservationId}`,
          payment: null,
          reservationId: step.reservationId,
          gateway: 'sandbox',
          attemptLimit: 10,
        });
      else return progress;
    }
    throw new Error('the amendment does not end');
  }

  async function amended(orderId: string, items: Record<string, number>, shipTo: ShipTo | null = null) {
    const requestId = await ask(orderId, items, shipTo);
    await carryOut(orderId);
    return outcomeOf(requestId);
  }

  async function placed(items: Record<string, number>, rest: Parameters<typeof orderOf>[1] = {}) {
    const order = orderOf(items, rest);
    await shop().place(order);
    return order.orderId;
  }

  async function paid(items: Record<string, number>, rest: Parameters<typeof orderOf>[1] = {}) {
    const orderId = await placed(items, { ...rest, payment: PAYMENT });
    await capture(shop().db, orderId);
    return orderId;
  }

  function authorise(orderId: string, attempt: number) {
    const paymentId = orderPaymentId(orderId, attempt);
    const gatewayRef = `ref-${paymentId}`;
    const outcome = { status: 'authorized', gatewayRef, multicapture: true, captureBefore: null } as const;
    return settleCharge(shop().db, { paymentId, outcome });
  }

  async function refused(orderId: string, items: Record<string, number>, shipTo: ShipTo | null = null) {
    const before = asBefore(await viewOf(shop().db, orderId));
    const outcome = await amended(orderId, items, shipTo);
    expect(outcome.state).toBe('refused');
    expect(asBefore(await viewOf(shop().db, orderId))).toEqual(before);
    return outcome;
  }

  /** What the dispatcher takes of an order, given back. */
  async function claimed(orderId: string): Promise<string[]> {
    const taken = await claimShipments(shop().db, { carrier: CARRIER, limit: 100, leaseSeconds: 60 });
    await shop().db.pool.query(
      `update shipments set status = 'pending', lease_until = null where id = any ($1) and status = 'booking'`,
      [taken.map(({ shipmentId }) => shipmentId)],
    );
    return taken.filter((one) => one.orderId === orderId).map(({ shipmentId }) => shipmentId);
  }

  return { amend, ask, outcomeOf, carryOut, amended, placed, paid, authorise, refused, claimed };
}
