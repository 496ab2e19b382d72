import { readCut, requestCut } from '../../domain/ordering/cuts/request';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { AMSTERDAM, capture, decline, levelsOf, openOrderShop, viewOf, type OrderShop } from './support';
import { amendingOrders, unitsOf } from './amending-orders';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { amend, ask, outcomeOf, carryOut, paid } = amendingOrders(() => shop);

describe('an order that is paid for and is being amended', () => {
  describe('and whose parcel cannot be stopped, although it is held', () => {
    /** The amendment takes a unit out of a parcel that the carrier has refused to stop. */
    async function unstoppable(added: 0 | 1) {
      const [sku, other] = [await shop.product({ AMS: 2 }), await shop.product({ AMS: 1 })];
      const orderId = await paid({ [sku]: 2 });
      const shipTo = { region: 'us-east' };
      const requestId = await ask(orderId, added === 0 ? { [sku]: 1 } : { [sku]: 1, [other]: 1 }, shipTo);
      await amend(orderId);
      await shop.db.pool.query(
        `update shipments set status = 'booked', stop_refused_at = clock_timestamp() where order_id = $1`,
        [orderId],
      );
      await carryOut(orderId);
      return { orderId, sku, other, requestId, notTakenOut: [{ sku, quantity: 1 }], shipTo };
    }

    it('stays as it was when nothing was added', async () => {
      const { orderId, sku, requestId, notTakenOut } = await unstoppable(0);
      expect(await outcomeOf(requestId)).toMatchObject({
        state: 'refused',
        code: 'NOT_AMENDABLE',
        details: { notTakenOut },
      });
      const view = await viewOf(shop.db, orderId);
      expect(view).toMatchObject({ shipTo: AMSTERDAM, totalMinor: 2_000 });
      expect(unitsOf(view)).toEqual({ [sku]: [2, 0, 0] });
    });

    it('says which units stayed in it when more was added', async () => {
      const { orderId, sku, other, requestId, notTakenOut, shipTo } = await unstoppable(1);
      await capture(shop.db, orderId, 2);
      await carryOut(orderId);
      expect(await outcomeOf(requestId)).toMatchObject({ state: 'done', details: { notTakenOut } });
      const view = await viewOf(shop.db, orderId);
      expect(view).toMatchObject({ shipTo, totalMinor: 3_000 });
      expect(unitsOf(view)).toEqual({ [sku]: [2, 0, 0], [other]: [1, 0, 0] });
    });
  });

  describe('of which a client takes units out while more of them are charged', () => {
    /** Two units that are paid for and two that are being charged. `during`: when the client asks for one less. */
    async function cutDuring(during: 'before its charge' | 'while it is charged') {
      const sku = await shop.product({ AMS: 4 });
      const orderId = await paid({ [sku]: 2 });
      const amendmentId = await ask(orderId, { [sku]: 4 });
      await (during === 'before its charge' ? amend(orderId) : carryOut(orderId));
      const cutId = newId();
      const items = [{ sku, quantity: 1 }];
      await requestCut(shop.db, { orderId, requestId: cutId, items, reason: null });
      await carryOut(orderId);
      expect(await readCut(shop.db, cutId)).toEqual({ isOpen: true, units: 0 });
      return { orderId, sku, amendmentId, cutId };
    }

    it.each(['before its charge', 'while it is charged'] as const)(
      'has fewer of what stays when they are declined: asked for %s',
      async (during) => {
        const { orderId, sku, amendmentId, cutId } = await cutDuring(during);
        await decline(shop.db, orderId, 2);
        await carryOut(orderId);
        expect(await outcomeOf(amendmentId)).toMatchObject({ code: 'PAYMENT_DECLINED' });
        expect(await readCut(shop.db, cutId)).toEqual({ isOpen: false, units: 1 });
        const view = await viewOf(shop.db, orderId);
        expect(unitsOf(view)).toEqual({ [sku]: [1, 0, 1] });
        expect(view.refunds).toMatchObject([{ amountMinor: 1_000 }]);
        expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 1] });
      },
    );

    it('has one less of all when they are paid for', async () => {
      const { orderId, sku, amendmentId, cutId } = await cutDuring('while it is charged');
      await capture(shop.db, orderId, 2);
      await carryOut(orderId);
      expect(await outcomeOf(amendmentId)).toMatchObject({ state: 'done' });
      expect(await readCut(shop.db, cutId)).toEqual({ isOpen: false, units: 1 });
      expect(unitsOf(await viewOf(shop.db, orderId))).toEqual({ [sku]: [3, 0, 1] });
    });

    it('and that are gone with the amendment: the cut is refused', async () => {
      const [sku, other] = [await shop.product({ AMS: 1 }), await shop.product({ AMS: 1 })];
      const orderId = await paid({ [sku]: 1 });
      await ask(orderId, { [other]: 1 });
      await carryOut(orderId);
      const requestId = newId();
      const items = [{ sku: other, quantity: 1 }];
      await requestCut(shop.db, { orderId, requestId, items, reason: null });
      await decline(shop.db, orderId, 2);
      await carryOut(orderId);
      expect(await readCut(shop.db, requestId)).toEqual({ isOpen: false, units: 0 });
      expect(unitsOf(await viewOf(shop.db, orderId))).toEqual({ [sku]: [1, 0, 0] });
    });
  });
});
