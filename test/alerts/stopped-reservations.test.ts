import { listAlerts } from '../../domain/stock/alerts/list';
import { tellOfStoppedReservations } from '../../domain/stock/alerts/stopped-reservations';
import { confirmReservation, releaseReservation } from '../../domain/stock/reservations/change-reservation';
import { openReservationShop, type ReservationShop } from '../db/reservation-shop';
import { twice } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

test('a confirmed reservation without an order that nobody touches has an alert of its own, until it is released', async () => {
  const id = await shop.reserve({ [await shop.product({ AMS: 2 })]: 2 });
  await confirmReservation({ db: shop.db, actor: 'test' }, id);
  await tellOfStoppedReservations(shop.db);
  const told = async () =>
    (await listAlerts(shop.db, { kind: 'reservation_stopped', limit: 50, offset: 0 })).items.filter(
      ({ details }) => details['reservationId'] === id,
    );
  expect(await told()).toEqual([]);
  await shop.db.pool.query(
    `update reservations set updated_at = updated_at - interval '31 days' where id = $1`,
    [id],
  );
  await twice(shop.db, () => tellOfStoppedReservations(shop.db));
  expect(await told()).toMatchObject([
    { status: 'open', sku: null, location: null, details: { units: 2, days: 30 } },
  ]);
  await releaseReservation(withStock(shop.db), id);
  await tellOfStoppedReservations(shop.db);
  expect(await told()).toMatchObject([{ status: 'resolved' }]);
});
