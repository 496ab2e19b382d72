import { orderPaymentId, orderReservationId } from '../../domain/orders/ids';
import { shipmentIdOf } from '../../domain/fulfilment/create';
import type { OrderStatus } from '../../domain/orders/types';
import { derivedId, newId } from '../../platform/ids';
import type { Reply } from '../api/support';
import { addStock } from '../support/fixtures';
import { retryUntilFinal } from '../support/retry-until-final';
import { waitFor } from '../support/wait';
import { openBarriers, type Barrier } from './barrier';
import type { Harness } from './harness';
import { ADMIN_CALLER } from '../support/access-keys';

/** Where an order stands when the blow comes, and how it must end all the same. */
export const STEPS = {
  'its reserve waits for the stock': 'fulfilled',
  'it waits to be paid': 'fulfilled',
  'it waits to be paid, and nobody will': 'expired',
  'the gateway takes its time': 'fulfilled',
  'its charge is captured and not written down': 'fulfilled',
  'its shipment waits for the dispatcher': 'fulfilled',
  'the carrier has booked it, which is not written down': 'fulfilled',
  'it waits to be picked up': 'fulfilled',
  'its shipment is being taken back': 'cancelled',
  'its refund is planned': 'cancelled',
  'its refund is made and not written down': 'cancelled',
  'its shipment is stopped and its stock is not back': 'cancelled',
  'it waits for stock': 'fulfilled',
} as const satisfies Record<string, OrderStatus>;

export type Step = keyof typeof STEPS;

export interface StandingOrder {
  step: Step;
  orderId: string;
  sku: string;
  /** What its clients, who retry, are answered in the end. */
  answers: Promise<Reply>[];
}

export interface Standing {
  order(step: Step): StandingOrder;
  orders: readonly StandingOrder[];
  /** Lets one of them go on. */
  pass(step: Step): Promise<void>;
  /** Lets all go on. */
  releaseAll(): Promise<void>;
}

/** A client of an order that retries until it has an answer. */
export function ask({ answers }: Pick<StandingOrder, 'answers'>, call: () => Promise<Reply>): void {
  const answer = retryUntilFinal(call);
  // Whoever awaits it is told of its failure; nobody does when the test has failed before.
  answer.catch(() => undefined);
  answers.push(answer);
}

const PARCEL = `insert into sandbox_carrier.parcels (shipment_id, tracking_number, label_url, stage)
  values ($1, 'barrier', '', 'booked')`;
const CHARGE = `insert into sandbox_gateway.charges (idempotency_key, ref, amount_minor, currency, token, status)
  values ($1, 'barrier', 0, 'USD', '', 'captured')`;

/**
 * Places an order for every step and lets it come just that far. Where a step would be over in milliseconds, a lock of
 * the test's own holds up the next one; such a lock is waited for with a timeout and asked for again, for some ten seconds.
 */
export async function standAtSteps(harness: Harness): Promise<Standing> {
  const { db } = harness;
  const barriers = openBarriers(harness.databaseUrl);
  const orders = new Map<Step, StandingOrder>();
  const passes = new Map<Step, Barrier>();

  async function place(
    step: Step,
    order: { token?: string; onHand?: number; [member: string]: unknown } = {},
  ) {
    const { token, onHand = 2, ...more } = order;
    const [sku, key] = [`SKU-${newId()}`, newId()];
    await addStock(db, sku, 'AMS', onHand);
    const standing: StandingOrder = {
      step,
      sku,
      orderId: derivedId('order', ADMIN_CALLER, key),
      answers: [],
    };
    orders.set(step, standing);
    const body = {
      customerId: 'c-1',
      items: [{ sku, quantity: 2 }],
      ...(token ? { payment: { method: 'card', token } } : {}),
      ...more,
    };
    return {
      ...standing,
      send() {
        ask(standing, () => harness.call('POST', '/orders', { body, headers: { 'idempotency-key': key } }));
      },
    };
  }

  function cancel(order: StandingOrder): void {
    ask(order, () => harness.call('PUT', `/orders/${order.orderId}/cancel`, { body: {} }));
  }

  const shipmentsAre = (status: string, ...of: StandingOrder[]) =>
    waitFor(async () => {
      const found = await db.pool.query(
        'select 1 from shipments where status = $2 and order_id = any ($1::uuid[])',
        [of.map((order) => order.orderId), status],
      );
      return found.rowCount === of.length;
    }, 60_000);

  /** Booked, for what begins there. */
  async function bookSome(...steps: Step[]): Promise<StandingOrder[]> {
    const placed = await Promise.all(steps.map((step) => place(step, { token: 'tok_ok' })));
    for (const order of placed) order.send();
    await shipmentsAre('booked', ...placed);
    return placed;
  }

  const chargeRow = ({ orderId }: StandingOrder) =>
    barriers.block('select 1 from sandbox_gateway.charges where idempotency_key = $1 for update', [
      orderPaymentId(orderId, 1),
    ]);

  const parcelRow = ({ orderId }: StandingOrder) =>
    barriers.block(
      'select 1 from sandbox_carrier.parcels p join shipments s on s.id = p.shipment_id where s.order_id = $1 for update of p',
      [orderId],
    );

  /** Behind a lock of its charge at the gateway. */
  async function refund(order: StandingOrder): Promise<Barrier> {
    const charge = await chargeRow(order);
    cancel(order);
    await charge.reached();
    return charge;
  }

  async function cancelSome(): Promise<void> {
    const [voided, planned, made, back] = await bookSome(
      'its shipment is being taken back',
      'its refund is planned',
      'its refund is made and not written down',
      'its shipment is stopped and its stock is not back',
      'it waits to be picked up',
    );
    if (!voided || !planned || !made || !back) throw new Error('not all were placed');
    const parcel = await parcelRow(voided);
    cancel(voided);
    await parcel.reached();
    await shipmentsAre('voiding', voided);

    await refund(planned);

    const beforeMade = await refund(made);
    const refundRow = await barriers.block('select 1 from refunds where order_id = $1 for update', [
      made.orderId,
    ]);
    await beforeMade.release();
    await refundRow.reached();

    const beforeBack = await parcelRow(back);
    cancel(back);
    await beforeBack.reached();
    const holdRow = await barriers.block('select 1 from reservations where order_id = $1 for update', [
      back.orderId,
    ]);
    await beforeBack.release();
    await holdRow.reached();
    await shipmentsAre('voided', back);
  }

  async function capture(): Promise<void> {
    const order = await place('its charge is captured and not written down', { token: 'tok_ok' });
    const charge = await barriers.block(CHARGE, [orderPaymentId(order.orderId, 1)]);
    order.send();
    await charge.reached();
    const hold = await barriers.block('select 1 from reservations where order_id = $1 for update', [
      order.orderId,
    ]);
    passes.set(order.step, hold);
    await charge.release();
    await hold.reached();
  }

  async function dispatch(): Promise<void> {
    const order = await place('the carrier has booked it, which is not written down', { token: 'tok_ok' });
    const ids = await db.pool.query<{ id: number }>(`select id from warehouses where code = 'AMS'`);
    const shipmentId = shipmentIdOf(orderReservationId(order.orderId, 1), ids.rows[0]?.id ?? 0);
    const parcel = await barriers.block(PARCEL, [shipmentId]);
    order.send();
    await parcel.reached();
    const shipment = await barriers.block('select 1 from shipments where id = $1 for update', [shipmentId]);
    await parcel.release();
    await shipment.reached();
    // The dispatcher is busy with the other one.
    const next = await place('its shipment waits for the dispatcher', { token: 'tok_ok' });
    next.send();
    await shipmentsAre('pending', next);
  }

  async function reserve(): Promise<void> {
    const order = await place('its reserve waits for the stock', { token: 'tok_ok' });
    const stock = await barriers.block(
      'select 1 from stock s join products p on p.id = s.product_id where p.sku = $1 for update of s',
      [order.sku],
    );
    passes.set(order.step, stock);
    order.send();
    await stock.reached();
  }

  await cancelSome();
  const patient = await Promise.all([
    place('it waits to be paid'),
    place('it waits for stock', { token: 'tok_ok', onHand: 0, fulfilment: 'backorder' }),
  ]);
  for (const order of patient) order.send();
  await Promise.all(patient.flatMap(({ step }) => orders.get(step)?.answers ?? []));
  const hurried = await Promise.all([
    place('the gateway takes its time', { token: 'tok_slow' }),
    place('it waits to be paid, and nobody will', { holdSeconds: 8 }),
  ]);
  await dispatch();
  await capture();
  for (const order of hurried) order.send();
  await waitFor(async () => {
    const ids = hurried.map(({ orderId }) => orderId);
    const placed = await db.pool.query('select 1 from orders where id = any ($1::uuid[])', [ids]);
    const charged = await db.pool.query('select 1 from sandbox_gateway.charges where idempotency_key = $1', [
      orderPaymentId(hurried[0].orderId, 1),
    ]);
    return placed.rowCount === 2 && charged.rowCount === 1;
  }, 60_000);
  await reserve();

  const all = [...orders.values()];
  return {
    orders: all,
    order(step) {
      const found = orders.get(step);
      if (!found) throw new Error(`no order stands where ${step}`);
      return found;
    },
    async pass(step) {
      await passes.get(step)?.release();
    },
    releaseAll: () => barriers.releaseAll(),
  };
}
