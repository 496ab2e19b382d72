import { readdir, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { orderPaymentId, orderReservationId } from '../../domain/orders/ids';
import { backfillMoney } from '../../domain/payments/backfill';
import { recordDispute } from '../../domain/payments/disputes';
import { settleRefund } from '../../domain/payments/refund';
import { requestRefund } from '../../domain/payments/refunds-by-hand';
import type { DisputeStatus } from '../../domain/payments/types';
import { migrate } from '../../platform/database/migrations';
import { newId } from '../../platform/ids';
import { createEmptyDatabase } from '../support/database';
import { expectInvariants } from '../support/invariants';
import { scratchFolder, testLogger } from '../support/servers';
import { openOrderShop, orderOf, PAYMENT, viewOf, type OrderShop } from './support';

// Statements of version 0.1.0, which its workers send while the schema is newer: word for word, but for column aliases.
const UPDATE_OUTCOME = `update payments set status = $2, gateway_ref = coalesce($3, gateway_ref), decline_code = $4, updated_at = clock_timestamp()
     where id = $1`;
const INSERT_REFUNDS = `with planned as (
       insert into refunds (id, payment_id, order_id, amount_minor, reason, origin, origin_id, actor)
       select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::uuid[], $8::text[])
       on conflict (origin, origin_id, payment_id) where origin is not null do nothing
       returning id, payment_id, amount_minor
     ), set_aside as (
       update payments p set refund_planned_minor = p.refund_planned_minor + of_payment.amount
       from (select payment_id, sum(amount_minor)::bigint as amount from planned group by payment_id) of_payment
       where p.id = of_payment.payment_id
     )
     select id from planned`;
const UPDATE_REFUND = `with before as (select id, payment_id, amount_minor, status from refunds where id = $1),
     changed as (
       update refunds r
       set status = $2, gateway_ref = coalesce($3, r.gateway_ref), last_error = $4, key_number = coalesce($5, r.key_number),
           settled_as = $6, settled_reference = $7, settled_by = $8,
           tries = case when r.status = $2 then r.tries else 0 end,
           next_try_at = case
             when r.status = $2 then r.next_try_at
             -- The gateway has taken it: it is looked at a while later.
             when $2 = 'pending' then clock_timestamp() + interval '1 minute' end, updated_at = clock_timestamp()
       where r.id = $1
     ), moved as (
       select payment_id, amount_minor * (($2 = 'succeeded')::int - (status = 'succeeded')::int) as by from before
     )
     update payments p
     set refunded_minor = p.refunded_minor + moved.by,
         status = case when p.refunded_minor + moved.by = 0 then 'captured'
                       when p.refunded_minor + moved.by = p.amount_minor then 'refunded' else 'partially_refunded' end,
         updated_at = clock_timestamp()
     from moved where p.id = moved.payment_id and moved.by <> 0`;
const RECEIVE_CHARGE = `insert into sandbox_gateway.charges as c
       (idempotency_key, ref, amount_minor, currency, token, status, decline_code, calls, settles_at)
     values ($1, $2, $3, $4, $5, case when $8::int > 0 then 'received' else $6::text end, $7, 1,
       clock_timestamp() + make_interval(secs => $9::float8 / 1000))
     on conflict (idempotency_key) do update
       set calls = c.calls + 1,
           status = case when c.status = 'received' and c.calls >= $8::int then $6::text else c.status end
       where c.amount_minor = excluded.amount_minor and c.currency = excluded.currency and c.token = excluded.token
     returning c.ref, c.status`;

describe('workers of the version before, on this schema', () => {
  let shop: OrderShop;
  beforeAll(async () => {
    shop = await openOrderShop();
  });
  afterEach(async () => {
    // They do not post money: the backfill does, once they have ended.
    await shop.db.pool.query('update money_backfill set next_pass_at = clock_timestamp()');
    expect(await backfillMoney(shop.db)).toBeGreaterThan(0);
    await expectInvariants(shop.db);
  });
  afterAll(() => shop.close());

  /** An order of two units that such a worker has charged, at the sandbox that is a part of it. */
  async function charged({ networkErrors = 0 } = {}): Promise<{ orderId: string; paymentId: string }> {
    const order = orderOf({ [await shop.product({ AMS: 2 })]: 2 }, { payment: PAYMENT });
    const { orderId } = order;
    await shop.place(order);
    const paymentId = orderPaymentId(orderId, 1);
    const ref = `sbx_${paymentId}`;
    const call = [paymentId, ref, 2_000, 'USD', 'tok_ok', 'captured', null, networkErrors, 0];
    for (let calls = 0; calls <= networkErrors; calls++) await shop.db.pool.query(RECEIVE_CHARGE, call);
    await shop.db.pool.query(UPDATE_OUTCOME, [paymentId, 'captured', ref, null]);
    await shop.db.pool.query(`update reservations set status = 'confirmed' where id = $1`, [
      orderReservationId(orderId, 1),
    ]);
    return { orderId, paymentId };
  }

  async function planned(of: { orderId: string; paymentId: string }, amountMinor: number): Promise<string> {
    const refundId = newId();
    await shop.db.pool.query(INSERT_REFUNDS, [
      [refundId],
      [of.paymentId],
      [of.orderId],
      [amountMinor],
      ['cancelled'],
      ['shipment'],
      [newId()],
      [null],
    ]);
    return refundId;
  }

  test.each([0, 2])('capture all of a charge, after %d network errors', async (networkErrors) => {
    const { orderId, paymentId } = await charged({ networkErrors });
    expect((await viewOf(shop.db, orderId)).payment).toMatchObject({
      status: 'captured',
      capturedMinor: 2_000,
    });
    const { rows } = await shop.db.pool.query(
      'select status, captured_minor from sandbox_gateway.charges where idempotency_key = $1',
      [paymentId],
    );
    expect(rows).toEqual([{ status: 'captured', captured_minor: 2_000 }]);
    // What they captured can be refunded by this version.
    await requestRefund(shop.db, {
      orderId,
      requestId: newId(),
      amountMinor: 2_000,
      paymentId: null,
      reason: 'broken',
      actor: 'kim',
    });
    expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([{ amountMinor: 2_000 }]);
  });

  test('take back a refund, and change a dispute, that this version has posted', async () => {
    const { orderId, paymentId } = await charged();
    const refundId = await planned({ orderId, paymentId }, 500);
    const tell = (status: DisputeStatus, occurredAt: Date) => {
      const fact = {
        gatewayRef: 'dp',
        amountMinor: 1_000,
        currency: 'USD',
        reason: 'fraudulent',
        dueBy: null,
      };
      return shop.db.transaction((tx) =>
        recordDispute(tx, { paymentId, orderId }, { ...fact, status, occurredAt }),
      );
    };
    const made = { status: 'succeeded', gatewayRef: 're_1' } as const;
    await shop.db.transaction((tx) => settleRefund(tx, refundId, made));
    await tell('needs_response', new Date(Date.UTC(2026, 0, 1)));
    await shop.db.pool.query('update money_backfill set next_pass_at = clock_timestamp()');
    await backfillMoney(shop.db);
    await expectInvariants(shop.db);
    await shop.db.pool.query(UPDATE_REFUND, [
      refundId,
      'failed',
      're_1',
      'sent back',
      null,
      null,
      null,
      null,
    ]);
    await shop.db.pool.query(
      `update disputes set status = 'won', occurred_at = '2026-01-02' where payment_id = $1`,
      [paymentId],
    );
  });

  test('plan a refund and make it, in parts and to the end', async () => {
    const order = await charged();
    for (const status of ['partially_refunded', 'refunded']) {
      const refundId = await planned(order, 1_000);
      const made = [refundId, 'succeeded', `sbx_re_${refundId}`, null, null, null, null, null];
      await shop.db.pool.query(
        `insert into sandbox_gateway.refunds (idempotency_key, ref, charge_ref, amount_minor) values ($1, $2, $3, 1000)`,
        [refundId, `sbx_re_${refundId}`, `sbx_${order.paymentId}`],
      );
      await shop.db.pool.query(UPDATE_REFUND, made);
      expect((await viewOf(shop.db, order.orderId)).payment).toMatchObject({ status, capturedMinor: 2_000 });
    }
  });
});

const MIGRATIONS = join(__dirname, '..', '..', 'migrations');

test('what was captured before authorising and capturing were apart is counted as captured whole, and all constraints are checked', async () => {
  const database = await createEmptyDatabase();
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    const before = await scratchFolder('migrations');
    for (const name of await readdir(MIGRATIONS))
      if (name < '0024') await copyFile(join(MIGRATIONS, name), join(before, name));
    await migrate(database.url, testLogger(), { directory: before });
    await client.query(
      `insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input)
       values (md5('o')::uuid, 'c', 'fulfilled', 'complete', 'USD', 500, 900, '{}')`,
    );
    for (const status of ['captured', 'refunded', 'partially_refunded', 'declined', 'unknown'])
      await client.query(
        `with r as (
           insert into reservations (id, kind, order_id, status, expires_at)
           values (gen_random_uuid(), 'order', md5('o')::uuid, 'shipped', now()) returning id, order_id
         )
         insert into payments (id, order_id, reservation_id, attempt, update_id, status, amount_minor, currency, method, token, gateway)
         select gen_random_uuid(), order_id, id, (select count(*) + 1 from payments), $1, $1, 500, 'USD', 'card', 't', 'sandbox' from r`,
        [status],
      );
    await client.query(
      `insert into sandbox_gateway.charges (idempotency_key, ref, amount_minor, currency, token, status)
       values ('k', 'r', 500, 'USD', 't', 'captured')`,
    );
    await migrate(database.url, testLogger(), { directory: MIGRATIONS });
    const { rows: payments } = await client.query(
      `select status, captured_whole as whole, capture_planned_minor::int as planned, captured_minor::int as captured
       from payments order by attempt`,
    );
    const whole = { whole: true, planned: 500, captured: 500 };
    const nothing = { whole: false, planned: 0, captured: 0 };
    expect(payments).toEqual([
      { status: 'captured', ...whole },
      { status: 'refunded', ...whole },
      { status: 'partially_refunded', ...whole },
      { status: 'declined', ...nothing },
      { status: 'unknown', ...nothing },
    ]);
    const { rows: charges } = await client.query(
      'select captured_minor::int as captured from sandbox_gateway.charges',
    );
    expect(charges).toEqual([{ captured: 500 }]);
    const { rows: open } = await client.query(
      `select conname as name from pg_constraint where not convalidated
       union all select indexrelid::regclass::text from pg_index where not indisvalid`,
    );
    expect(open).toEqual([]);
  } finally {
    await client.end();
    await database.drop();
  }
});
