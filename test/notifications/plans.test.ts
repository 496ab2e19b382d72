import type { JsonPlan } from '../../bench/explain/reads';
import { recordStatements } from '../../bench/explain/recorder';
import { selectContactMailIds, selectContactReach } from '../../domain/notifications/contact-queries';
import {
  countWaiting,
  selectDueSeconds,
  selectFailingSeconds,
  selectMsLeft,
  selectReady,
} from '../../domain/notifications/dispatch-queries';
import { countUnread, selectPage } from '../../domain/notifications/queries';
import { kindsOf } from '../../domain/notifications/rules';
import type { Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { openTestShop, type TestShop } from '../support/fixtures';

let shop: TestShop;
const userId = newId();
beforeAll(async () => {
  shop = await openTestShop();
  await shop.db.pool.query(
    'insert into users (id) select $1::uuid union all select gen_random_uuid() from generate_series(1, 99)',
    [userId],
  );
  await shop.db.pool.query(
    `insert into notifications (id, user_id, kind, position, subject_type, subject_id, read_at)
     select gen_random_uuid(), u.id, 'order_paid', n, 'order', n::text, case when n % 2 = 0 then now() end
     from users u, generate_series(1, 200) n`,
  );
  await shop.db.pool.query(
    `insert into mails (id, user_id, kind, status, next_try_at, ended_at)
     select gen_random_uuid(), $1, 'order_paid', case when n % 100 = 0 then 'pending' else 'sent' end,
       case when n % 100 = 0 then now() end, case when n % 100 <> 0 then now() end from generate_series(1, 5000) n`,
    [userId],
  );
  await shop.db.pool.query(
    `insert into mails (id, kind, subject_id, status, next_try_at, ended_at, address_hash)
     select gen_random_uuid(), 'order_paid', gen_random_uuid()::text, 'sent', null, now(), sha256((n % 500)::text::bytea)
     from generate_series(1, 5000) n`,
  );
  await shop.db.pool.query(
    `insert into order_contacts (order_id, email, address_hash, locale)
     select gen_random_uuid(), n || '@example.com', sha256(n::text::bytea), 'en' from generate_series(1, 2000) n`,
  );
  await shop.db.pool.query('analyze notifications, mails, order_contacts');
});
afterAll(() => shop.close());

/** The nodes of the plan of a call's statement, by their types and indexes. */
async function nodesOf(run: (on: Database) => Promise<unknown>): Promise<string> {
  const [statement] = await recordStatements(shop.db, run);
  const { rows } = await shop.db.pool.query<{ 'QUERY PLAN': JsonPlan[] }>({
    text: `explain (format json) ${statement?.text ?? ''}`,
    values: [...(statement?.values ?? [])],
  });
  return JSON.stringify(rows[0]);
}

const reader = { userId, kinds: kindsOf('admin') };
const page = { ...reader, limit: 20, offset: 0 };

test.each<[string, string, (on: Database) => Promise<unknown>]>([
  ['all of somebody', 'notifications_newest', (on) => selectPage(on, { ...page, unread: false })],
  ['those that were not read', 'notifications_unread', (on) => selectPage(on, { ...page, unread: true })],
  ['their count', 'notifications_unread', (on) => countUnread(on, reader, 1_000)],
  ['mails that are due', 'mails_due', (on) => selectReady(on, 5)],
  ['when the next one is', 'mails_due', selectMsLeft],
  ['for how long one has been', 'mails_due', selectDueSeconds],
  ['for how long one has failed', 'mails_failing', selectFailingSeconds],
  ['how many wait', 'mails_due', countWaiting],
  ['those to the contact of an order', 'mails_of_contacts', (on) => selectContactMailIds(on, [newId()])],
  ['how many an address got', 'mails_to_contacts', (on) => selectContactReach(on, newId())],
])('%s: found by an index, in its order', async (_, index, run) => {
  const plan = await nodesOf(run);
  expect(plan).toContain(index);
  expect(plan).not.toContain('"Node Type":"Sort"');
  expect(plan).not.toContain('Seq Scan');
});
