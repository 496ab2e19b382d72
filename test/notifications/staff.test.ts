import { raiseAttention } from '../../domain/orders/attention';
import { STAFF_MAILS_AN_HOUR } from '../../domain/notifications/rules';
import { openNotifiedShop, type NotifiedShop } from './support';

let shop: NotifiedShop;
beforeEach(async () => {
  shop = await openNotifiedShop();
});
afterEach(() => shop.close());

const outcomes = async () => (await shop.mails()).map(({ kind, status }) => [kind, status]);

test('who does not work here any more gets no mail of an alert that was planned before', async () => {
  const { id } = await shop.addPerson({ role: 'operator' });
  await shop.db.pool.query(
    `insert into alerts (kind, subject, details) values ('ledger_tampered', 'one', '{}')`,
  );
  await shop.plan();
  await shop.db.pool.query(`update users set role = 'customer' where id = $1`, [id]);
  await shop.dispatch();
  expect(await outcomes()).toEqual([['alert_critical', 'suppressed']]);
  expect(shop.server.mails).toEqual([]);
});

test('of alerts that come by the hundred an operator gets so many mails of a kind within an hour, and the last says so', async () => {
  const operator = await shop.addPerson({ role: 'operator' });
  const raise = (count: number) =>
    shop.db.pool.query(
      `insert into alerts (kind, subject, details) select 'ledger_tampered', n || ' ' || random(), '{}' from generate_series(1, $1) n`,
      [count],
    );
  const orderId = await shop.addOrder('c-42');
  await raise(STAFF_MAILS_AN_HOUR - 1);
  await shop.plan();
  await raise(30);
  await shop.db.transaction((tx) =>
    raiseAttention(tx, [{ orderId, kind: 'review_open', about: orderId, why: 'It costs much.' }]),
  );
  await shop.plan();
  const counted = async (table: string) => {
    const { rows } = await shop.db.pool.query<{ kind: string; count: number; last: number }>(
      `select kind, count(*)::int as count, (count(*) filter (where data ? 'isLast'))::int as last from ${table}
       where user_id = $1 group by kind order by kind`,
      [operator.id],
    );
    return rows;
  };
  expect(await counted('mails')).toEqual([
    { kind: 'alert_critical', count: STAFF_MAILS_AN_HOUR, last: 1 },
    { kind: 'attention', count: 1, last: 0 },
  ]);
  expect(await counted('notifications')).toContainEqual({
    kind: 'alert_critical',
    count: STAFF_MAILS_AN_HOUR + 29,
    last: 0,
  });
  await shop.db.pool.query(`update mails set created_at = created_at - interval '61 minutes'`);
  await raise(1);
  await shop.plan();
  expect(await counted('mails')).toContainEqual({
    kind: 'alert_critical',
    count: STAFF_MAILS_AN_HOUR + 1,
    last: 1,
  });
});
