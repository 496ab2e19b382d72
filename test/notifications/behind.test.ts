import { mailsFailingSeconds } from '../../domain/notifications/dispatch';
import { notificationsBehindSeconds } from '../../domain/notifications/plan';
import { appendEvents } from '../../domain/orders/events';
import { numberAll } from '../events/support';
import { openNotifiedShop, type NotifiedShop } from './support';

let shop: NotifiedShop;
beforeEach(async () => {
  shop = await openNotifiedShop();
});
afterEach(() => shop.close());

test('it is known for how long people were not told, and for how long mails fail', async () => {
  expect(await notificationsBehindSeconds(shop.db)).toBe(0);
  const person = await shop.addPerson();
  const orderId = await shop.addOrder(person.id);
  await shop.db.transaction((tx) => appendEvents(tx, [{ orderId, type: 'payment_captured' }]));
  await numberAll(shop.db);
  await shop.db.pool.query(`update event_batches set numbered_at = numbered_at - interval '10 minutes'`);
  expect(await notificationsBehindSeconds(shop.db)).toBeGreaterThan(599);
  await shop.plan();
  expect(await notificationsBehindSeconds(shop.db)).toBe(0);
  expect(await mailsFailingSeconds(shop.db)).toBe(0);
  shop.server.onData = () => ({ code: 451, text: '4.3.0 Not now' });
  expect(await shop.sendDue()).toEqual(['postponed']);
  await shop.letTimePass(7_200);
  expect(await mailsFailingSeconds(shop.db)).toBeGreaterThan(7_199);
});
