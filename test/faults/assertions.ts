import type { OrderStatus } from '../../domain/orders/types';
import { newId } from '../../platform/ids';
import { expectAtRest } from '../support/invariants';
import { waitFor } from '../support/wait';
import { ask, STEPS, type Standing, type Step } from './steps';
import { carrierCollects, gatewayTells, type Harness } from './harness';

const DEADLINE_MS = 480_000;
const TELLS_EVERY_MS = 5_000;

/** What remains to be done for the orders from outside, and that everything is as if nothing had happened. */
export async function expectAsIfNothingHappened(harness: Harness, standing: Standing): Promise<void> {
  await standing.releaseAll();
  const unpaid = standing.order('it waits to be paid');
  const headers = { 'idempotency-key': newId() };
  const body = { method: 'card', token: 'tok_ok' };
  ask(unpaid, () => harness.call('POST', `/orders/${unpaid.orderId}/payments`, { body, headers }));
  // A van that comes before the carrier has heard of a cancellation takes the parcel along, and rightly so.
  await untilCancelled(harness, standing);
  await untilAtRest(harness);

  const { rows } = await harness.db.pool.query<{ id: string; status: OrderStatus }>(
    'select id, status from orders',
  );
  const statusOf = new Map(rows.map(({ id, status }) => [id, status]));
  const ended = standing.orders.map(({ step, orderId }) => [step, statusOf.get(orderId)] as const);
  expect(Object.fromEntries(ended)).toEqual(STEPS);

  for (const { step, answers } of standing.orders) {
    const replies = await Promise.all(answers);
    expect([step, ...replies.map((reply) => reply.status)]).toEqual([step, ...expectedAnswers(step)]);
  }
  await expectAtRest(harness.db);
  await expectNothingDoubled(harness);
}

async function untilCancelled({ db }: Harness, { orders }: Standing): Promise<void> {
  const ids = orders.filter(({ step }) => STEPS[step] === 'cancelled').map(({ orderId }) => orderId);
  await waitFor(async () => {
    const open = await db.pool.query(
      `select id, status from orders where id = any ($1::uuid[]) and status in ('reserved', 'paid', 'fulfilling')`,
      [ids],
    );
    if (open.rows.length > 0) throw new Error(`not cancelled: ${JSON.stringify(open.rows)}`);
    return true;
  }, DEADLINE_MS);
}

function expectedAnswers(step: Step): number[] {
  return STEPS[step] === 'cancelled' || step === 'it waits to be paid' ? [201, 200] : [201];
}

/** Waits until every order has ended, no money is on its way and every saga has closed. The carrier's van keeps coming. */
export async function untilAtRest(harness: Harness, deadlineMs = DEADLINE_MS): Promise<void> {
  const { db, client, names } = harness;
  let tellsAt = 0;
  await waitFor(async () => {
    await carrierCollects(harness);
    // Now and then: each time is a call of the gateway for every one that is left.
    if (performance.now() > tellsAt) {
      await gatewayTells(harness);
      tellsAt = performance.now() + TELLS_EVERY_MS;
    }
    const open = await db.pool.query(
      `select id::text, status || ' after ' || (select string_agg(type, ', ' order by seq) from order_events where order_id = o.id)
         as status from orders o where status in ('reserved', 'paid', 'fulfilling')
       union all select order_id::text, status from payments
                 where status in ('pending', 'unknown', 'requires_action', 'authorized', 'void_planned')
       union all select order_id::text, status from captures where status = 'planned'
       union all select order_id::text, status from refunds where status in ('planned', 'pending')`,
    );
    if (open.rows.length > 0) throw new Error(`still open: ${JSON.stringify(open.rows.slice(0, 20))}`);
    return true;
  }, deadlineMs);
  const ids = await db.pool.query<{ id: string }>('select id from orders');
  for (const { id } of ids.rows) {
    const saga = client.workflow.getHandle(names.orderWorkflowId(id));
    await waitFor(async () => {
      const { status } = await saga.describe();
      if (status.name !== 'COMPLETED') throw new Error(`the saga of ${id} is ${status.name}`);
      return true;
    }, deadlineMs);
  }
}

/** What the invariants do not say: nothing was done twice outside of our own books either. */
const DOUBLED: Readonly<Record<string, string>> = {
  'a charge at the gateway without a payment': `
    select c.idempotency_key from sandbox_gateway.charges c
    where c.status = 'captured' and not exists (select 1 from payments p where p.id::text = c.idempotency_key)`,
  'an authorisation that is open at the gateway': `
    select c.idempotency_key, c.status from sandbox_gateway.charges c where c.status in ('authorized', 'requires_action')`,
  'a capture at the gateway that is not ours, or one of ours that is not there exactly once': `
    select o.id, c.idempotency_key, o.amount_minor, c.amount_minor as taken
    from sandbox_gateway.captures c
    full join (select f.* from captures f join payments p on p.id = f.payment_id
               where p.gateway = 'sandbox' and f.status = 'succeeded' and f.amount_minor > 0) o
      on o.id::text = split_part(c.idempotency_key, ':', 1)
    where o.id is null or c.idempotency_key is null or c.amount_minor <> o.amount_minor
      or (select count(*) from sandbox_gateway.captures d where split_part(d.idempotency_key, ':', 1) = o.id::text) > 1`,
  'a refund at the gateway that is not ours, or one of ours that is not there exactly once': `
    select o.id, r.idempotency_key, o.amount_minor, r.amount_minor as paid_out
    from sandbox_gateway.refunds r
    full join (select f.* from refunds f join payments p on p.id = f.payment_id
               where p.gateway = 'sandbox' and f.status = 'succeeded') o
      on o.id::text = split_part(r.idempotency_key, ':', 1)
    where (r.fails_at is null and o.id is null) or (o.id is not null and r.idempotency_key is null) or r.amount_minor <> o.amount_minor
      or (select count(*) from sandbox_gateway.refunds d where split_part(d.idempotency_key, ':', 1) = o.id::text) > 1`,
  'a hold that was captured twice': `
    select reservation_id from payments where status in ('captured', 'refunded', 'partially_refunded')
    group by reservation_id having count(*) > 1`,
  'a parcel without its shipment, or with another tracking number': `
    select p.shipment_id, p.tracking_number, s.tracking_number, s.status
    from sandbox_carrier.parcels p left join shipments s on s.id = p.shipment_id
    where s.id is null or (p.stage in ('picked_up', 'delivered') and p.tracking_number is distinct from s.tracking_number)`,
  'a step of one thing that is twice in the history': `
    select order_id, type, data, count(*) from order_events where data ?| array['reservationId', 'paymentId', 'shipmentId', 'captureId', 'refundId']
      and type <> 'shipment_void_refused'
    group by order_id, type, data having count(*) > 1`,
  'an order that is placed, reserved or ended twice': `
    select order_id, count(*) filter (where type = 'order_placed'), count(*) filter (where type = 'stock_reserved') from order_events
    where type in ('order_placed', 'stock_reserved', 'order_fulfilled', 'order_cancelled', 'order_expired', 'order_failed', 'order_rejected')
    group by order_id having count(*) filter (where type = 'order_placed') > 1 or count(*) filter (where type = 'stock_reserved') > 1
      or count(*) filter (where type not in ('order_placed', 'stock_reserved')) > 1`,
};

export async function expectNothingDoubled({ db }: Pick<Harness, 'db'>): Promise<void> {
  for (const [what, text] of Object.entries(DOUBLED)) {
    const { rows } = await db.pool.query(text);
    expect({ [what]: rows }).toEqual({ [what]: [] });
  }
}

/** Waits until what dead processes have begun in PostgreSQL is over, one way or the other; nobody else may be at work. */
export async function untilIdle({ db }: Pick<Harness, 'db'>): Promise<void> {
  await waitFor(async () => {
    const { rows } = await db.pool.query(
      `select state, query from pg_stat_activity
       where datname = current_database() and backend_type = 'client backend' and state <> 'idle' and pid <> pg_backend_pid()`,
    );
    if (rows.length > 0) throw new Error(`still at work: ${JSON.stringify(rows)}`);
    return true;
  });
}

/** Waits until a job has ended, which is to be that it is completed. */
export async function untilCompleted(
  { call }: Pick<Harness, 'call'>,
  jobId: string,
  deadlineMs: number,
): Promise<void> {
  await waitFor(async () => {
    const { body } = await call('GET', `/jobs/${jobId}`);
    if (['queued', 'running'].includes(body['status'])) throw new Error(JSON.stringify(body));
    expect(body).toMatchObject({ status: 'completed', progress: 100 });
    return true;
  }, deadlineMs);
}
