import { releaseReservation } from '../../domain/stock/reservations/change-reservation';
import { removeOldAlerts } from '../../domain/stock/alerts/retention';
import type { OwnReference } from '../../domain/stock/ledger/types';
import { acceptKey, removeOldKeys } from '../../platform/database/idempotency';
import { settingsSchema } from '../../platform/config';
import { derivedId, newId } from '../../platform/ids';
import { keptDaysOf } from '../../worker/kept-days';
import { addPaidOrder } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { agingIn, all, KEPT, OLD, YOUNG } from './aging';
import { openReservationShop, reservationOf, type ReservationShop } from './reservation-shop';
import { postMoneyAgain } from '../support/post-money';

let shop: ReservationShop;
beforeEach(async () => {
  shop = await openReservationShop();
});
afterEach(async () => {
  await expectInvariants(shop.db);
  await shop.close();
});

const { removeAgedRows, write, read } = agingIn(() => shop);

test('keys that nobody has used for long go, whatever their state; those that somebody used lately stay', async () => {
  await write(
    `insert into idempotency_keys (caller, key, scope, fingerprint, subject_id, state, status, created_at, updated_at) values
       ('a', 'old', 's', 'f', gen_random_uuid(), 'done', 200, ${OLD}, ${OLD}),
       ('a', 'old and left', 's', 'f', gen_random_uuid(), 'started', null, ${OLD}, ${OLD}),
       ('a', 'used lately', 's', 'f', gen_random_uuid(), 'started', null, ${OLD}, ${YOUNG}),
       ('a', 'young', 's', 'f', gen_random_uuid(), 'done', 200, ${YOUNG}, ${YOUNG})`,
  );
  expect(await removeAgedRows()).toEqual({ idempotencyKeys: 2 });
  expect(await read('select key as is from idempotency_keys')).toEqual(['used lately', 'young']);
  expect(await removeAgedRows()).toEqual({});
  const again = {
    caller: 'a',
    key: 'old',
    scope: 's',
    fingerprint: 'another',
    received: '2:another',
    subjectId: newId(),
  };
  expect(await acceptKey(shop.db, again)).toMatchObject({ isNew: true, state: 'accepted' });
});

test('a run that ends in the midst has removed what it came to, and the next goes on', async () => {
  await write(
    `insert into idempotency_keys (caller, key, scope, fingerprint, subject_id, created_at, updated_at)
     select 'a', n::text, 's', 'f', gen_random_uuid(), ${OLD}, case when n % 100 = 0 then ${YOUNG} else ${OLD} end
     from generate_series(1, 2500) n`,
  );
  const left = async () => Number((await read('select count(*)::text as is from idempotency_keys'))[0]);
  await removeOldKeys(shop.db, { days: KEPT, withinMs: 0 });
  expect(await left()).toBe(2_500 - 990);
  await removeOldKeys(shop.db, { days: KEPT, withinMs: 60_000 });
  expect(await left()).toBe(25);
});

test('outcomes of old batches go', async () => {
  await write(
    `insert into batch_chunks (batch_id, chunk, outcomes, created_at) values
       (gen_random_uuid(), 0, '["old"]', ${OLD}), (gen_random_uuid(), 0, '["young"]', ${YOUNG})`,
  );
  expect(await removeAgedRows()).toEqual({ batches: 1 });
  expect(await read('select outcomes ->> 0 as is from batch_chunks')).toEqual(['young']);
});

test('old positions of events go with their entries, and young ones stay', async () => {
  const { rows } = await shop.db.pool.query<{ first: number }>(
    'select next_position as first from event_head',
  );
  const first = rows[0]?.first ?? 1;
  await write(
    `insert into event_entries (type, subject_type, subject_id, actor, data)
     select 'job.started', 'job', n::text, 'test', '{"type": "feed"}' from generate_series(1, 6) n`,
    `with ids as (select array_agg(id order by id) as e from event_entries where actor = 'test')
     insert into event_batches (first_position, last_position, source, ids, numbered_at)
     select ${first}, ${first + 3}, 'entries',
       int8multirange(int8range(e[1], e[2], '[]'), int8range(e[4], e[5], '[]')), ${OLD} from ids
     union all select ${first + 4}, ${first + 5}, 'entries',
       int8multirange(int8range(e[3], e[3], '[]'), int8range(e[6], e[6], '[]')), ${YOUNG} from ids`,
  );
  expect(await removeAgedRows()).toEqual({ events: 1 });
  expect(await read(`select subject_id as is from event_entries where actor = 'test'`)).toEqual(['3', '6']);
  expect(await read('select first_position::text as is from event_batches')).toEqual([String(first + 4)]);
});

test('sessions that expired long ago go with their tokens, and tokens of those that go on', async () => {
  await write(
    `insert into users (id) values ('00000000-0000-4000-8000-000000000001')`,
    `insert into sessions (id, user_id, expires_at, ended_at, ended_by)
     select ('00000000-0000-4000-8000-00000000010' || n)::uuid, '00000000-0000-4000-8000-000000000001', at, ended,
            case when ended is not null then 'logout' end
     from (values (1, ${OLD}, null), (2, ${OLD}, ${OLD}), (3, ${YOUNG}, null), (4, now() + interval '1 day', null::timestamptz)) s (n, at, ended)`,
    `insert into refresh_tokens (token_hash, session_id, expires_at)
     select sha256(n::text::bytea), ('00000000-0000-4000-8000-00000000010' || n % 4 + 1)::uuid,
            case when n < 8 then ${OLD} else ${YOUNG} end
     from generate_series(0, 11) n where n % 4 > 1 or n < 8`,
  );
  expect(await removeAgedRows()).toEqual({ sessions: 10 });
  expect(await read('select right(id::text, 1) as is from sessions')).toEqual(['3', '4']);
  expect(await read('select right(session_id::text, 1) as is from refresh_tokens')).toEqual(['3', '4']);
  expect(await removeAgedRows()).toEqual({});
});

test('what people were told goes when it is old, read or not, and so do mails that have ended', async () => {
  await write(
    `insert into users (id) values ('00000000-0000-4000-8000-000000000001')`,
    `insert into notifications (id, user_id, kind, position, subject_type, subject_id, created_at, read_at)
     select gen_random_uuid(), '00000000-0000-4000-8000-000000000001', 'order_paid', 1, 'order', n::text, at, read
     from (values (1, ${OLD}, null), (2, ${OLD}, ${OLD}), (3, ${YOUNG}, null::timestamptz)) s (n, at, read)`,
    `insert into mails (id, user_id, kind, subject_id, status, next_try_at, created_at, ended_at)
     select gen_random_uuid(), '00000000-0000-4000-8000-000000000001', 'order_paid', status, status, next, at, ended
     from (values ('sent', null, ${OLD}, ${OLD}), ('pending', now(), ${OLD}, null), ('failed', null, ${YOUNG}, ${YOUNG}))
       m (status, next, at, ended)`,
  );
  expect(await removeAgedRows()).toEqual({ notifications: 2, mails: 1 });
  expect(await read('select subject_id as is from notifications')).toEqual(['3']);
  expect((await read('select status as is from mails')).sort()).toEqual(['failed', 'pending']);
});

test('where people without an account were written to goes when it is old, but for open orders', async () => {
  await addPaidOrder(shop.db, [{ sku: 'A', warehouse: 'AMS', quantity: 1 }]);
  const [open] = await read('select id::text as is from orders');
  await write(
    `insert into order_contacts (order_id, email, address_hash, locale, created_at) values
       ('${open ?? ''}', 'open@example.com', sha256('a'), 'en', ${OLD}),
       (gen_random_uuid(), 'never@example.com', sha256('b'), 'en', ${OLD}),
       (gen_random_uuid(), 'young@example.com', sha256('c'), 'en', ${YOUNG})`,
    `insert into contact_tokens (token_hash, order_id) select sha256(email::bytea), order_id from order_contacts`,
  );
  expect(await removeAgedRows()).toEqual({ contacts: 1 });
  expect(await read('select email as is from order_contacts')).toEqual([
    'open@example.com',
    'young@example.com',
  ]);
  expect(await read('select order_id::text as is from contact_tokens')).toHaveLength(2);
  await write(`update orders set status = 'fulfilled'`);
  expect(await removeAgedRows()).toEqual({ contacts: 1 });
});

test('mails that were sent, or are for nobody, go with their tokens; those that wait stay', async () => {
  await write(
    `insert into users (id) values ('00000000-0000-4000-8000-000000000001')`,
    `insert into account_mails (id, user_id, kind, created_at, sent_at)
     select gen_random_uuid(), case when u then '00000000-0000-4000-8000-000000000001'::uuid end, kind, at, sent
     from (values (true, 'confirm_email', ${OLD}, ${OLD}), (true, 'reset_password', ${OLD}, null),
                  (false, 'account_exists', ${OLD}, null), (true, 'password_changed', ${YOUNG}, ${YOUNG})) m (u, kind, at, sent)`,
    `insert into account_tokens (token_hash, mail_id, expires_at) select sha256(kind::bytea), id, now() from account_mails`,
  );
  expect(await removeAgedRows()).toEqual({ accountMails: 2 });
  expect(await read('select kind as is from account_mails')).toEqual(['password_changed', 'reset_password']);
  expect(await read('select count(*)::text as is from account_tokens')).toEqual(['2']);
});

test('attempts to sign in go', async () => {
  await write(
    `insert into sign_in_attempts (subject, failures, last_at) values (sha256('a'), 1, ${OLD}), (sha256('b'), 2, ${YOUNG})`,
  );
  expect(await removeAgedRows()).toEqual({ signInAttempts: 1 });
  expect(await read('select failures::text as is from sign_in_attempts')).toEqual(['2']);
});

test('network addresses in the audit log go; the other personal values and the entries stay', async () => {
  await write(
    `insert into audit_log (at, actor, action, subject_type, subject_id)
     values (${OLD}, 'user:a', 'user.changed', 'user', 'a'), (${YOUNG}, 'user:a', 'user.changed', 'user', 'a')`,
    `insert into audit_personal (audit_id, person, address, before)
     select id, actor, '192.0.2.' || row_number() over (order by at), '{"name": "A"}' from audit_log where actor = 'user:a'`,
    `insert into audit_origins (request_id, person, address, at)
     values ('old', 'user:a', '192.0.2.1', ${OLD}), ('young', 'user:a', '192.0.2.2', ${YOUNG})`,
  );
  expect(await removeAgedRows()).toEqual({ auditAddresses: 2 });
  expect(await read('select request_id as is from audit_origins')).toEqual(['young']);
  expect(await read(`select coalesce(address, 'none') || before::text as is from audit_personal`)).toEqual([
    '192.0.2.2{"name": "A"}',
    'none{"name": "A"}',
  ]);
  expect(await removeAgedRows()).toEqual({});
});

test('those whom an old alert concerns go before it, a thousand in a transaction; those of one that is not over stay', async () => {
  await write(
    `insert into alerts (id, kind, product_id, warehouse_id, status, resolved_at) values
       ('01000000-0000-0000-0000-000000000000', 'recall', 1, 1, 'resolved', ${OLD}),
       ('02000000-0000-0000-0000-000000000000', 'recall', 1, 2, 'resolved', now() - interval '12 days'),
       ('03000000-0000-0000-0000-000000000000', 'recall', 1, 3, 'open', null)`,
    `insert into alert_affected (alert_id, order_id, outcome, units)
     select a.id, gen_random_uuid(), 'moved', 1 from alerts a, generate_series(1, case when a.status = 'resolved' and a.warehouse_id = 1 then 2500 else 10 end)`,
    `create function count_removed() returns trigger language plpgsql security definer as $$
     begin
       insert into removed_at_once select count(*) from gone;
       return null;
     end $$`,
    'create table removed_at_once (rows int)',
    `create trigger count_removed after delete on alert_affected referencing old table as gone
     for each statement execute function count_removed()`,
  );
  const left = async () => [
    (await read('select count(*)::text as is from alerts'))[0],
    (await read('select count(*)::text as is from alert_affected'))[0],
  ];
  await removeOldAlerts(shop.db, { days: KEPT, withinMs: 0 });
  // The older one is empty by now.
  expect(await left()).toEqual(['2', '1520']);
  await removeOldAlerts(shop.db, { days: KEPT, withinMs: 60_000 });
  expect(await left()).toEqual(['1', '10']);
  const rows = (await read('select rows::text as is from removed_at_once')).map(Number);
  expect(Math.max(...rows)).toBe(1_000);
});

test('alerts that were resolved long ago go; open and acknowledged ones stay', async () => {
  await write(
    `insert into alerts (kind, product_id, warehouse_id, status, raised_at, acknowledged_at, resolved_at, note) values
       ('low_stock', 1, 1, 'resolved', ${OLD}, null, ${OLD}, 'old'),
       ('low_stock', 1, 1, 'resolved', ${OLD}, null, ${YOUNG}, 'young'),
       ('low_stock', 1, 1, 'open', ${OLD}, null, null, 'open'),
       ('low_stock', 1, 2, 'acknowledged', ${OLD}, ${OLD}, null, 'acknowledged')`,
  );
  expect(await removeAgedRows()).toEqual({ alerts: 1 });
  expect(await read('select note as is from alerts')).toEqual(['acknowledged', 'open', 'young']);
});

async function paidOrder() {
  const sku = await shop.product({ AMS: 1 });
  return addPaidOrder(shop.db, [{ sku, warehouse: 'AMS', quantity: 1 }]);
}

test('updates of carriers go once their shipment has ended', async () => {
  const { orderId, reservationId } = await paidOrder();
  const statuses = ['booked', 'picked_up', 'voiding', 'delivered', 'voided', 'failed'];
  for (const [at, status] of statuses.entries())
    await write(
      `with s as (
         insert into shipments (id, order_id, reservation_id, warehouse_id, status, carrier, generation, released_at)
         select gen_random_uuid(), '${orderId}', '${reservationId}', id, '${status}', 'sandbox', ${at + 1}, now()
         from warehouses where code = 'BER' returning id
       )
       insert into carrier_events (carrier, event_id, shipment_id, type, received_at)
       select 'sandbox', '${status} ' || age, id, 'picked_up', at from s, (values ('old', ${OLD}), ('young', ${YOUNG})) a (age, at)`,
    );
  expect(await removeAgedRows()).toEqual({ carrierEvents: 3 });
  expect(await read(`select event_id as is from carrier_events where event_id like '% old'`)).toEqual([
    'booked old',
    'picked_up old',
    'voiding old',
  ]);
  expect(await read(`select event_id as is from carrier_events where event_id like '% young'`)).toHaveLength(
    statuses.length,
  );
  await write('delete from carrier_events', 'delete from shipments');
});

test('events of gateways go once nothing of their payment is open', async () => {
  const { orderId, reservationId } = await paidOrder();
  let attempt = 0;
  const payment = async (status: string, more = '') => {
    attempt += 1;
    const captured = status === 'captured' ? 100 : 0;
    await write(
      `with p as (
         insert into payments (id, order_id, reservation_id, attempt, update_id, status, amount_minor, currency, method, token, gateway,
           serves, capture_planned_minor, captured_minor, refund_planned_minor)
         values (gen_random_uuid(), '${orderId}', '${reservationId}', ${attempt}, '${attempt}', '${status}', 100, 'USD', 'card', 't',
           'sandbox', false, ${captured}, ${captured}, 0) returning id
       ), more as (${more === '' ? 'select' : more})
       insert into gateway_events (gateway, event_id, payment_id, type, occurred_at, received_at)
       select 'sandbox', '${status}' || $$${more === '' ? '' : ' open'}$$ || age, id, 'x', at, at
       from p, (values (' old', ${OLD}), (' young', ${YOUNG})) a (age, at)`,
    );
  };
  await payment('captured');
  await postMoneyAgain(shop.db);
  await payment('declined');
  await payment('unknown');
  await payment('authorized');
  await payment(
    'voided',
    `insert into captures (id, payment_id, order_id, amount_minor) select gen_random_uuid(), id, '${orderId}', 1 from p`,
  );
  expect(await removeAgedRows()).toEqual({ gatewayEvents: 2 });
  expect(await read(`select event_id as is from gateway_events where event_id like '% old'`)).toEqual([
    'authorized old',
    'unknown old',
    'voided open old',
  ]);
  expect(await read(`select event_id as is from gateway_events where event_id like '% young'`)).toHaveLength(
    5,
  );
  await write('delete from captures', 'delete from payments');
  await postMoneyAgain(shop.db);
});

test('reservations without an order go when they have ended; those of orders, live ones and their references stay', async () => {
  const sku = await shop.product({ AMS: 10 });
  const { reservationId } = await paidOrder();
  const own: OwnReference = { reference: 'mine', fingerprint: 'f' };
  const named = derivedId('reservation', 'mine');
  await shop.reserve({ [sku]: 1 }, { reservationId: named, own });
  const young = await shop.reserve({ [sku]: 1 });
  const live = await shop.reserve({ [sku]: 1 });
  for (const id of [named, young]) await releaseReservation(withStock(shop.db), id);
  await write(`update reservations set updated_at = ${OLD} where id <> '${young}'`);
  await write(`update reservations set status = 'shipped' where id = '${reservationId}'`);
  expect(await removeAgedRows()).toEqual({ reservations: 1 });
  await write(`update reservations set status = 'confirmed' where id = '${reservationId}'`);
  expect(await read('select id::text as is from reservations')).toEqual([live, reservationId, young].sort());
  expect(await read('select distinct reservation_id::text as is from reservation_lines')).toEqual(
    [live, reservationId, young].sort(),
  );
  expect(await removeAgedRows()).toEqual({});

  // Its units were reserved once: the ledger has that. Others of the same batch are reserved.
  const [again, other] = await Promise.all([
    shop.standalone.submit(reservationOf({ [sku]: 1 }, { reservationId: named, own })),
    shop.standalone.submit(reservationOf({ [sku]: 1 })),
  ]);
  expect(again).toMatchObject({ outcome: 'refused', refusal: { code: 'REFERENCE_REUSED' } });
  expect(other).toMatchObject({ outcome: 'reserved' });
});

test('nothing goes that is kept for ever', async () => {
  await write(
    `insert into idempotency_keys (caller, key, scope, fingerprint, subject_id, created_at, updated_at)
     values ('a', 'old', 's', 'f', gen_random_uuid(), now() - interval '10 years', now() - interval '10 years')`,
  );
  expect(await removeAgedRows(all(0))).toEqual({});
  expect(await read('select key as is from idempotency_keys')).toEqual(['old']);
});

test('one kind that cannot be removed keeps no other', async () => {
  await write(
    `insert into batch_chunks (batch_id, chunk, outcomes, created_at) values (gen_random_uuid(), 0, '["old"]', ${OLD})`,
    `insert into alerts (kind, product_id, warehouse_id, status, resolved_at) values ('low_stock', 1, 1, 'resolved', ${OLD})`,
    `create function refuse_all() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$`,
    'create trigger refused before delete on batch_chunks for each row execute function refuse_all()',
  );
  await expect(removeAgedRows()).rejects.toThrow('refused');
  expect(await read('select status as is from alerts')).toEqual([]);
});

test('what a request made is kept at least as long as its key, and rejects no longer than their feed', () => {
  const days = (given: Record<string, string>) => keptDaysOf(settingsSchema.parse(given));
  expect(days({})).toMatchObject({
    idempotencyKeys: 30,
    batches: 90,
    feedRejects: 90,
    feeds: 400,
    reservations: 365,
  });
  expect(days({ IDEMPOTENCY_RETENTION_DAYS: '500' })).toMatchObject({
    batches: 500,
    feedRejects: 90,
    feeds: 500,
    reservations: 500,
  });
  expect(days({ IDEMPOTENCY_RETENTION_DAYS: '0' })).toMatchObject({ batches: 0, feeds: 0, reservations: 0 });
  expect(days({ FEED_REJECT_RETENTION_DAYS: '0' })).toMatchObject({ feedRejects: 400 });
});
