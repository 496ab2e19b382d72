import { orderPaymentId } from '../../domain/orders/ids';
import type { OrderStatus } from '../../domain/orders/types';
import { testLogger } from '../support/servers';
import { answerPage } from '../../integrations/sandbox-gateway/challenges';
import { derivedId, newId } from '../../platform/ids';
import type { Reply } from '../api/support';
import { addStock } from '../support/fixtures';
import { waitFor } from '../support/wait';
import type { Barrier, Barriers, Write } from './barrier';
import type { Harness } from './harness';
import { ask } from './steps';
import { ADMIN_CALLER } from '../support/access-keys';

/**
 * What becomes of what a process was committing when it was killed: PostgreSQL never gets it; PostgreSQL has it; or the gateway commits
 * it only when the next process asks already.
 */
export type Fate = 'lost' | 'kept' | 'late';

/** An order of two units that costs 2,000. */
interface Placement {
  /** Of the request that places it. */
  body: { payment: { method: 'card'; token: string }; capture: 'now' | 'on_shipment'; holdSeconds?: number };
  /** One unit in each of two warehouses. */
  isInTwoParcels?: true;
}

/** Such an order, and how its money moves. */
interface Course extends Placement {
  /** Brings it to where its money is about to move; absent: it is not placed yet. */
  prepare?: (order: MoneyOrder) => Promise<void>;
  /** Lets its money move. */
  push: (order: MoneyOrder) => void | Promise<void>;
  /** What comes from outside while no worker runs. */
  meanwhile?: (order: MoneyOrder) => Promise<void>;
  /** How it ends, whatever happens on the way; each of its payments as captured and refunded. */
  ends: { status: OrderStatus; payments: string[] };
  /** What its clients are answered. */
  answers: number[];
}

const PAID: Course['ends'] = { status: 'fulfilled', payments: ['captured 2000 back 0'] };

export const COURSES = {
  'is authorised': course({
    body: { payment: card('tok_ok'), capture: 'on_shipment' },
    push: (order) => order.send(),
    ends: PAID,
    answers: [201],
  }),
  'is captured': course({
    body: { payment: card('tok_ok'), capture: 'on_shipment' },
    isInTwoParcels: true,
    prepare: (order) => order.untilBooked(),
    push: (order) => order.collect('AMS'),
    ends: PAID,
    answers: [201],
  }),
  'is voided': course({
    body: { payment: card('tok_ok'), capture: 'on_shipment' },
    prepare: (order) => order.untilBooked(),
    push: (order) => order.cancel(),
    ends: { status: 'cancelled', payments: ['voided 0 back 0'] },
    answers: [201, 200],
  }),
  'is captured for one parcel, and the rest voided': course({
    body: { payment: card('tok_ok'), capture: 'on_shipment' },
    isInTwoParcels: true,
    async prepare(order) {
      await order.untilBooked();
      await order.collect('AMS');
      await order.until(`select 1 from captures where order_id = $1 and status = 'succeeded'`);
    },
    push: (order) => order.cancel(),
    ends: { status: 'fulfilled', payments: ['captured 1000 back 0'] },
    answers: [201, 200],
  }),
  'is refunded': course({
    body: { payment: card('tok_ok'), capture: 'now' },
    prepare: (order) => order.untilBooked(),
    push: (order) => order.cancel(),
    ends: { status: 'cancelled', payments: ['refunded 2000 back 2000'] },
    answers: [201, 200],
  }),
  'wants the customer': course({
    body: { payment: card('tok_3ds_abandoned'), capture: 'on_shipment' },
    push: (order) => order.send(),
    meanwhile: (order) => order.authenticate(),
    ends: PAID,
    answers: [201],
  }),
  'is authenticated': course({
    body: { payment: card('tok_3ds_abandoned'), capture: 'on_shipment' },
    prepare: (order) => order.untilCustomerIsWanted(),
    push(order) {
      // The saga that looks by itself may hold the payment: then the gateway tells of it later.
      order.authenticate().catch(() => undefined);
    },
    ends: PAID,
    answers: [201],
  }),
  'is authenticated while no worker runs': course({
    body: { payment: card('tok_3ds_abandoned'), capture: 'now' },
    prepare: (order) => order.untilCustomerIsWanted(),
    push: () => undefined,
    meanwhile: (order) => order.authenticate(),
    ends: PAID,
    answers: [201],
  }),
  'is abandoned': course({
    body: { payment: card('tok_3ds_abandoned'), capture: 'on_shipment', holdSeconds: 1 },
    prepare: (order) => order.untilCustomerIsWanted(),
    push: (order) => order.loseCustomer(),
    ends: { status: 'expired', payments: ['declined 0 back 0'] },
    answers: [201],
  }),
  'is paid with another card': course({
    body: { payment: card('tok_3ds_abandoned'), capture: 'now' },
    prepare: (order) => order.untilCustomerIsWanted(),
    push: (order) => order.pay(),
    ends: { status: 'fulfilled', payments: ['declined 0 back 0', 'captured 2000 back 0'] },
    answers: [201, 200],
  }),
};

/** What it is that a process is committing: rows by what is done to them, of one order by its id or its first payment's. */
type Committing = { on: string; when: string } & ({ order: string } | { payment: string });

const CLAIMED = 'new.tries > old.tries';
const payments = (when: string): Committing => ({ on: 'update on payments', when, order: 'new.order_id' });
const captures = (when: string): Committing => ({ on: 'update on captures', when, order: 'new.order_id' });
const refunds = (when: string): Committing => ({ on: 'update on refunds', when, order: 'new.order_id' });
const planned = (table: string, when = 'true'): Committing => ({
  on: `insert on ${table}`,
  when,
  order: 'new.order_id',
});
const charges = (when: string): Committing => ({
  on: 'update on sandbox_gateway.charges',
  when,
  payment: 'new.idempotency_key',
});

const BOTH = ['lost', 'kept'] as const;
const LATE = ['late'] as const;

/** One row: an order whose money takes this course is being committed so when the worker is killed, once with each fate. */
type MoneyStep = readonly [
  step: string,
  course: keyof typeof COURSES,
  committing: Committing | null,
  fates: readonly Fate[],
];

/** Steps of getting money. */
export const MONEY_IN: readonly MoneyStep[] = [
  ['its charge is claimed', 'is authorised', payments(CLAIMED), BOTH],
  ['the gateway makes its charge', 'is authorised', chargeMade(), LATE],
  ['its authorisation is recorded', 'is authorised', payments(becomes('authorized')), BOTH],
  ['its customer is asked for', 'wants the customer', payments(becomes('requires_action')), BOTH],
  ['its authentication is recorded', 'is authenticated', payments(becomes('authorized')), BOTH],
  ['its customer acts meanwhile', 'is authenticated while no worker runs', null, ['kept']],
  ['its capture is planned', 'is captured', planned('captures'), BOTH],
  ['its capture is claimed', 'is captured', captures(CLAIMED), BOTH],
  ['the gateway captures', 'is captured', charges('new.captured_minor > old.captured_minor'), LATE],
  ['its capture is recorded', 'is captured', captures(becomes('succeeded')), BOTH],
];

/** Steps of giving it up, or back. */
export const MONEY_OUT: readonly MoneyStep[] = [
  ['its void is planned', 'is voided', payments(becomes('void_planned')), BOTH],
  ['its void is claimed', 'is voided', payments(`new.status = 'void_planned' and ${CLAIMED}`), BOTH],
  ['the gateway voids', 'is voided', charges(becomes('voided')), LATE],
  ['its void is recorded', 'is voided', payments(becomes('voided')), BOTH],
  [
    'the void of the rest is recorded',
    'is captured for one parcel, and the rest voided',
    payments(becomes('captured')),
    BOTH,
  ],
  ['its refund is planned', 'is refunded', planned('refunds'), BOTH],
  ['its refund is claimed', 'is refunded', refunds(CLAIMED), BOTH],
  ['the gateway refunds', 'is refunded', refundMade(), LATE],
  ['its refund is recorded', 'is refunded', refunds(becomes('succeeded')), BOTH],
  ['its charge is given up for want of the customer', 'is abandoned', payments(becomes('declined')), BOTH],
  ['its second charge is begun', 'is paid with another card', planned('payments', 'new.attempt = 2'), BOTH],
  ['its first charge is given up', 'is paid with another card', payments(becomes('declined')), BOTH],
];

function becomes(status: string): string {
  return `new.status = '${status}' and old.status <> '${status}'`;
}

function chargeMade(): Committing {
  return { on: 'insert on sandbox_gateway.charges', when: 'true', payment: 'new.idempotency_key' };
}

function refundMade(): Committing {
  return { on: 'insert on sandbox_gateway.refunds', when: 'true', payment: 'charge_key(new.charge_ref)' };
}

function card(token: string) {
  return { method: 'card' as const, token };
}

function course(of: Course): Course {
  return of;
}

export type MoneyOrder = ReturnType<typeof newOrder>;

/** Of a product of its own; its id is known before it is placed. */
function newOrder(harness: Harness, { body, isInTwoParcels }: Placement) {
  const { db, client, names } = harness;
  const [sku, key] = [`SKU-${newId()}`, newId()];
  const orderId = derivedId('order', ADMIN_CALLER, key);
  const answers: Promise<Reply>[] = [];
  const asked = { answers };

  async function until(text: string, count = 1): Promise<void> {
    await waitFor(async () => (await db.pool.query(text, [orderId])).rowCount === count, 180_000);
  }

  const order = {
    orderId,
    paymentId: orderPaymentId(orderId, 1),
    answers,
    until,
    async stockUp(): Promise<void> {
      await addStock(db, sku, 'AMS', isInTwoParcels ? 1 : 2);
      if (isInTwoParcels) await addStock(db, sku, 'BER', 1);
    },
    send(): void {
      const request = { customerId: 'c-1', items: [{ sku, quantity: 2 }], ...body };
      const headers = { 'idempotency-key': key };
      ask(asked, () => harness.call('POST', '/orders', { body: request, headers }));
    },
    async untilBooked(): Promise<void> {
      order.send();
      await until(
        `select 1 from shipments where order_id = $1 and status = 'booked'`,
        isInTwoParcels ? 2 : 1,
      );
    },
    async untilCustomerIsWanted(): Promise<void> {
      order.send();
      await until(`select 1 from payments where order_id = $1 and status = 'requires_action'`);
    },
    /** The carrier's van takes what waits in a warehouse. */
    async collect(warehouse: string): Promise<void> {
      await db.pool.query(
        `update sandbox_carrier.parcels p set next_at = clock_timestamp()
         from shipments s join warehouses w on w.id = s.warehouse_id
         where p.shipment_id = s.id and s.order_id = $1 and w.code = $2`,
        [orderId, warehouse],
      );
    },
    cancel(): void {
      ask(asked, () => harness.call('PUT', `/orders/${orderId}/cancel`, { body: {} }));
    },
    pay(): void {
      const headers = { 'idempotency-key': newId() };
      ask(asked, () =>
        harness.call('POST', `/orders/${orderId}/payments`, { body: card('tok_ok'), headers }),
      );
    },
    authenticate: () => authenticate(harness, order.paymentId),
    /** The time is over in which the customer may authenticate. */
    async loseCustomer(): Promise<void> {
      await db.pool.query(
        'update payments set action_until = clock_timestamp(), next_try_at = null where id = $1',
        [order.paymentId],
      );
      await client.workflow.getHandle(names.orderWorkflowId(orderId)).signal('wake');
    },
  };
  return order;
}

/** The customer of a charge does so, on the page of the gateway. */
export async function authenticate({ db }: Pick<Harness, 'db'>, paymentId: string): Promise<void> {
  const { rows } = await db.pool.query<{ ref: string }>(
    'select ref from sandbox_gateway.charges where idempotency_key = $1',
    [paymentId],
  );
  const charge = await answerPage({ tables: db, log: testLogger() }, rows[0]?.ref ?? '', 'authenticate');
  if (!charge) throw new Error(`the gateway has no charge ${paymentId}`);
}

interface Standing {
  name: string;
  course: Course;
  fate: Fate;
  order: MoneyOrder;
  barrier: Barrier | null;
}

export interface MoneyStanding {
  orders: readonly Standing[];
  /** After the blow: what was being committed is lost or kept, except what is late. */
  settle(): Promise<void>;
  /** What comes from outside happens. */
  meanwhile(): Promise<void>;
  /** What is late is committed, as soon as somebody has asked again. */
  settleLate(): Promise<void>;
}

/** Places an order for every step and fate, and lets each come just that far. */
export async function standAtMoneySteps(
  harness: Harness,
  barriers: Barriers,
  steps: readonly MoneyStep[],
): Promise<MoneyStanding> {
  const { db } = harness;
  await db.pool.query(
    `create or replace function charge_key(ref text) returns text stable language sql as
     $$ select idempotency_key from sandbox_gateway.charges c where c.ref = charge_key.ref $$`,
  );
  const orders: Standing[] = [];
  for (const [step, name, committing, fates] of steps) {
    for (const fate of fates) {
      const order = newOrder(harness, COURSES[name]);
      await order.stockUp();
      // At the commit: what it wrote is complete, and nobody has been told.
      const barrier = committing && (await barriers.blockWrites(writeOf(committing, order)));
      orders.push({ name: `${step}, ${fate}`, course: COURSES[name], fate, order, barrier });
    }
  }
  await Promise.all(orders.map(async ({ course: { prepare }, order }) => prepare?.(order)));
  // Those that wait at the gateway hold its connections, which are few: they come when all others stand.
  await standAt(orders.filter(({ fate }) => fate !== 'late'));
  await standAt(orders.filter(({ fate }) => fate === 'late'));
  return {
    orders,
    async settle() {
      for (const { fate, barrier } of orders) {
        if (fate === 'lost') await barrier?.cutOff();
        if (fate === 'kept') await barrier?.release();
      }
    },
    async meanwhile() {
      for (const { course, order } of orders) await course.meanwhile?.(order);
    },
    async settleLate() {
      for (const { fate, barrier } of orders) {
        if (fate !== 'late') continue;
        await barrier?.reached(2);
        await barrier?.release();
      }
    },
  };
}

async function standAt(orders: readonly Standing[]): Promise<void> {
  await Promise.all(orders.map(async ({ course: { push }, order }) => push(order)));
  await Promise.all(
    orders.map(async ({ name, barrier }) =>
      barrier?.reached().catch((error: unknown) => {
        throw new Error(`not reached: ${name}`, { cause: error });
      }),
    ),
  );
}

function writeOf({ on, when, ...of }: Committing, { orderId, paymentId }: MoneyOrder): Write {
  const which = 'order' in of ? `${of.order} = '${orderId}'` : `${of.payment} = '${paymentId}'`;
  return { on, when: `${which} and ${when}`, at: 'commit' };
}

/** How all ended, each by what it stood at, and how they should have. */
export async function endsOf({ db }: Pick<Harness, 'db'>, orders: readonly Standing[]) {
  const { rows } = await db.pool.query<{ id: string; status: OrderStatus; payments: string[] }>(
    `select o.id, o.status, (select array_agg(p.status || ' ' || p.captured_minor || ' back ' || p.refunded_minor order by p.attempt)
                             from payments p where p.order_id = o.id) as payments
     from orders o`,
  );
  const found = new Map(rows.map(({ id, ...ends }) => [id, ends]));
  const ended = [];
  const expected = [];
  for (const { name, course, order } of orders) {
    const replies = await Promise.all(order.answers);
    const answers = replies.map(({ status }) => status);
    ended.push({ name, ...found.get(order.orderId), answers });
    expected.push({ name, ...course.ends, answers: course.answers });
  }
  return { ended, expected };
}
