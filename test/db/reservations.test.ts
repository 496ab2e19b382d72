import {
  confirmReservation,
  extendReservation,
  releaseReservation,
} from '../../domain/stock/reservations/change-reservation';
import { shipReservation } from '../../domain/stock/reservations/ship-reservation';
import {
  decideReservation,
  type ReservationAction,
  type ReservationState,
} from '../../domain/stock/reservations/rules';
import { listReservations } from '../../domain/stock/reservations/views';
import { checkAvailability } from '../../domain/stock/availability/availability';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import {
  reservationOf,
  ledgerOf,
  makeReservationsDue,
  openReservationShop,
  viewOfReservation,
  type ReservationShop,
} from './reservation-shop';
import { addProduct, levelsOf, orderOf, receive, twice, viewOf } from './support';
import { withStock } from '../support/stock';

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

/** Those that need to know no more than which reservation it is. */
type PlainAction = Exclude<ReservationAction, 'ship-part' | 'change'>;

const act: Record<PlainAction, (id: string) => Promise<void>> = {
  confirm: (id) => confirmReservation({ db: shop.db, actor: 'test' }, id),
  release: (id) => releaseReservation(withStock(shop.db), id),
  extend: (id) =>
    extendReservation({ db: shop.db, actor: 'test' }, id, { expiresAt: null, holdSeconds: 3_600 }),
  ship: (id) => shipReservation(withStock(shop.db), id),
};
const ACTIONS = Object.keys(act) as PlainAction[];

const bringTo: Record<ReservationState, (id: string) => Promise<unknown>> = {
  pending: () => Promise.resolve(),
  due: (id) => makeReservationsDue(shop.db, [id]),
  confirmed: (id) => act.confirm(id),
  shipped: async (id) => {
    await act.confirm(id);
    await act.ship(id);
  },
  cancelled: (id) => act.release(id),
  expired: async (id) => {
    await makeReservationsDue(shop.db, [id]);
    const { lines } = reservationOf(
      Object.fromEntries((await viewOfReservation(shop.db, id)).items.map((i) => [i.sku, 3])),
    );
    // Somebody is short of it.
    await shop.standalone.submit({ ...reservationOf({}), lines });
  },
};
const STATES = Object.keys(bringTo) as ReservationState[];
const AFTER: Record<PlainAction, string> = {
  confirm: 'confirmed',
  release: 'cancelled',
  extend: 'pending',
  ship: 'shipped',
};

describe('a reservation without an order', () => {
  test('takes from the nearest warehouses, keeps the caller’s reference, and gets one outcome', async () => {
    const sku = await shop.product({ AMS: 2, BER: 5 });
    const request = reservationOf({ [sku]: 3 }, { reference: 'order 42 / ü' });
    const [first] = await twice(shop.db, () => shop.standalone.submit(request));
    expect(first).toMatchObject({ outcome: 'reserved', status: 'pending' });
    expect(await viewOfReservation(shop.db, request.reservationId)).toMatchObject({
      kind: 'hold',
      status: 'pending',
      orderId: 'order 42 / ü',
      items: [
        {
          sku,
          quantity: 3,
          openQuantity: 3,
          allocations: [
            { warehouse: 'AMS', quantity: 2 },
            { warehouse: 'BER', quantity: 1 },
          ],
        },
      ],
    });
  });

  test('at one location takes nothing from the others, and is short by what that location lacks', async () => {
    const sku = await shop.product({ AMS: 5, BER: 2, NYC: 5 });
    await shop.reserve({ [sku]: 1 }, { warehouse: 'BER' });
    expect(await shop.standalone.submit(reservationOf({ [sku]: 2 }, { warehouse: 'BER' }))).toEqual({
      outcome: 'short',
      shortages: [{ sku, requested: 2, available: 1 }],
    });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 0], BER: [2, 1], NYC: [5, 0] });
  });

  test('at a location that does not exist, or of a SKU that does not, is refused and leaves nothing', async () => {
    const sku = await shop.product({ AMS: 5 });
    expect(await shop.standalone.submit(reservationOf({ [sku]: 1 }, { warehouse: 'NOWHERE' }))).toMatchObject(
      {
        outcome: 'refused',
        refusal: { code: 'UNKNOWN_LOCATION' },
      },
    );
    expect(await shop.standalone.submit(reservationOf({ [sku]: 1, 'NO-SUCH': 1 }))).toMatchObject({
      outcome: 'refused',
      refusal: { code: 'UNKNOWN_SKU' },
    });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 0] });
  });

  test('may be on products of several currencies: nothing is charged for it', async () => {
    const [dollars, euros] = [await shop.product({ AMS: 1 }), `SKU-${newId()}`];
    await addProduct(shop.db, euros, 'EUR');
    await receive(shop.db, euros, 'AMS', 1);
    await shop.reserve({ [dollars]: 1, [euros]: 1 });
    expect(await levelsOf(shop.db, euros)).toEqual({ AMS: [1, 1] });
  });

  test('falls due at the time it names', async () => {
    const sku = await shop.product({ AMS: 1 });
    const expiresAt = new Date(Date.now() + 86_400_000);
    const id = await shop.reserve({ [sku]: 1 }, { expiresAt });
    expect((await viewOfReservation(shop.db, id)).expiresAt).toBe(expiresAt.toISOString());
  });
});

describe('an action', () => {
  test.each(ACTIONS.flatMap((action) => STATES.map((state) => [action, state] as const)))(
    '%s of a reservation that is %s does what the table of decisions says, and again changes nothing',
    async (action, state) => {
      const sku = await shop.product({ AMS: 2, BER: 1 });
      const id = await shop.reserve({ [sku]: 3 });
      await bringTo[state](id);
      const before = await viewOfReservation(shop.db, id);
      const decision = decideReservation(action, state);
      if (decision === 'do' || decision === 'done') {
        // Extending by seconds from now is another extension each time.
        if (action === 'extend') await act.extend(id);
        else await twice(shop.db, () => act[action](id));
      } else {
        await expect(act[action](id)).rejects.toMatchObject({ code: decision });
      }
      const { status } = await viewOfReservation(shop.db, id);
      expect(status).toBe(decision === 'do' ? AFTER[action] : before.status);
    },
  );

  test('that ships takes the units off what is on hand and off what is reserved', async () => {
    const sku = await shop.product({ AMS: 2, BER: 2 });
    const id = await shop.reserve({ [sku]: 3 });
    await act.confirm(id);
    await act.ship(id);
    expect(await levelsOf(shop.db, sku)).toEqual({ BER: [1, 0] });
    expect(await ledgerOf(shop.db, id)).toEqual(['reserve 0 2', 'reserve 0 1', 'ship -2 -2', 'ship -1 -1']);
    expect((await viewOfReservation(shop.db, id)).items).toMatchObject([{ quantity: 3, openQuantity: 0 }]);
  });

  test('that releases gives the units to who waits for them', async () => {
    const sku = await shop.product({ AMS: 2 });
    const id = await shop.reserve({ [sku]: 2 });
    const waiting = orderOf({ [sku]: 1 }, { fulfilment: 'backorder' });
    await shop.place(waiting);
    await act.release(id);
    expect((await viewOf(shop.db, waiting.orderId)).items).toMatchObject([{ reservedQuantity: 1 }]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 1] });
  });

  test('on a reservation of an order is refused: only its saga changes it', async () => {
    const sku = await shop.product({ AMS: 1 });
    const order = orderOf({ [sku]: 1 });
    await shop.place(order);
    const { id } = (await viewOf(shop.db, order.orderId)).reservation!;
    for (const action of ACTIONS) {
      await expect(act[action](id)).rejects.toMatchObject({
        code: 'HOLD_OF_ORDER',
        details: { orderId: order.orderId },
      });
    }
    expect(await viewOfReservation(shop.db, id)).toMatchObject({ kind: 'order', orderId: order.orderId });
  });

  test('on no hold, or on one that is not for clients, finds none', async () => {
    const internal = newId();
    await shop.db.pool.query(
      `insert into reservations (id, kind, status) values ($1, 'allocation', 'pending')`,
      [internal],
    );
    for (const id of [newId(), internal]) {
      for (const action of ACTIONS)
        await expect(act[action](id)).rejects.toMatchObject({ code: 'HOLD_NOT_FOUND' });
    }
  });

  test('that extends never brings the due time forward', async () => {
    const sku = await shop.product({ AMS: 1 });
    const id = await shop.reserve({ [sku]: 1 }, { holdSeconds: 600 });
    const { expiresAt } = await viewOfReservation(shop.db, id);
    const extend = (until: Date) =>
      extendReservation({ db: shop.db, actor: 'test' }, id, { expiresAt: until, holdSeconds: 1 });
    await expect(extend(new Date(Date.now() + 60_000))).rejects.toMatchObject({ code: 'NOT_LATER' });
    await expect(
      extendReservation({ db: shop.db, actor: 'test' }, id, { expiresAt: null, holdSeconds: 60 }),
    ).rejects.toMatchObject({
      code: 'NOT_LATER',
    });
    expect((await viewOfReservation(shop.db, id)).expiresAt).toBe(expiresAt);
    const later = new Date(Date.now() + 3_600_000);
    await extend(later);
    await extend(later);
    expect((await viewOfReservation(shop.db, id)).expiresAt).toBe(later.toISOString());
  });

  test('that releases one SKU finds only a reservation on it, and refuses one that is on others too', async () => {
    const [sku, other] = [await shop.product({ AMS: 2 }), await shop.product({ AMS: 2 })];
    const [single, both] = [await shop.reserve({ [sku]: 1 }), await shop.reserve({ [sku]: 1, [other]: 1 })];
    await expect(releaseReservation(withStock(shop.db), single, other)).rejects.toMatchObject({
      code: 'HOLD_NOT_FOUND',
    });
    await expect(releaseReservation(withStock(shop.db), both, sku)).rejects.toMatchObject({
      code: 'HOLD_OF_SEVERAL_SKUS',
      details: { skus: [sku, other].sort() },
    });
    await releaseReservation(withStock(shop.db), single, sku);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 1] });
  });
});

describe('a shortage', () => {
  test('with a reservation past due is none: the reservation is freed first, for a reservation and for an order', async () => {
    for (const wish of ['hold', 'order'] as const) {
      const sku = await shop.product({ AMS: 1, BER: 1 });
      const [late, kept] = [await shop.reserve({ [sku]: 1 }), await shop.reserve({ [sku]: 1 })];
      await makeReservationsDue(shop.db, [late]);
      expect((await checkAvailability(shop.db, [{ sku, quantity: 1 }])).shortages).toEqual([]);
      expect((await checkAvailability(shop.db, [{ sku, quantity: 2 }])).shortages).toMatchObject([
        { available: 1 },
      ]);
      if (wish === 'hold') await shop.reserve({ [sku]: 1 });
      else expect((await shop.place(orderOf({ [sku]: 1 }))).outcome).toBe('reserved');
      expect((await viewOfReservation(shop.db, late)).status).toBe('expired');
      expect((await viewOfReservation(shop.db, kept)).status).toBe('pending');
      expect(await ledgerOf(shop.db, late)).toEqual(['reserve 0 1', 'expire 0 -1']);
    }
  });

  test('with more reservations past due than one transaction frees is none either', async () => {
    const sku = await shop.product({ AMS: 1_100 });
    const late = await Promise.all(Array.from({ length: 1_100 }, () => shop.reserve({ [sku]: 1 })));
    await makeReservationsDue(shop.db, late);
    await shop.reserve({ [sku]: 1_100 });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1_100, 1_100] });
  });

  test('frees due reservations of orders and without one together, and takes no confirmed one', async () => {
    const sku = await shop.product({ AMS: 3 });
    const [late, confirmed] = [await shop.reserve({ [sku]: 1 }), await shop.reserve({ [sku]: 1 })];
    const order = orderOf({ [sku]: 1 });
    await shop.place(order);
    await act.confirm(confirmed);
    await makeReservationsDue(shop.db, [
      late,
      confirmed,
      (await viewOf(shop.db, order.orderId)).reservation!.id,
    ]);
    await shop.reserve({ [sku]: 2 });
    expect((await viewOf(shop.db, order.orderId)).status).toBe('expired');
    expect((await viewOfReservation(shop.db, confirmed)).status).toBe('confirmed');
  });
});

describe('the list', () => {
  test('has reservations without an order, newest first, by status and SKU, page by page', async () => {
    const sku = await shop.product({ AMS: 10 });
    const made: string[] = [];
    for (let n = 0; n < 5; n++) made.unshift(await shop.reserve({ [sku]: 1 }));
    await shop.place(orderOf({ [sku]: 1 }));
    await act.release(made[1]!);
    const page = { sku, limit: 2, offset: 0 };
    const first = await listReservations(shop.db, page);
    const second = await listReservations(shop.db, { ...page, after: first.next! });
    const third = await listReservations(shop.db, { ...page, after: second.next! });
    expect([...first.items, ...second.items, ...third.items].map((hold) => hold.id)).toEqual(made);
    expect(third.next).toBeNull();
    const by = async (status: 'pending' | 'cancelled') =>
      (await listReservations(shop.db, { ...page, limit: 10, status })).items.map((hold) => hold.id);
    expect(await by('cancelled')).toEqual([made[1]]);
    expect(await by('pending')).toEqual(made.filter((id) => id !== made[1]));
    expect((await listReservations(shop.db, { ...page, offset: 3 })).items.map((h) => h.id)).toEqual(
      made.slice(3),
    );
    expect((await listReservations(shop.db, { ...page, sku: 'NO-SUCH' })).items).toEqual([]);
  });
});
