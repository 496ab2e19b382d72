import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import { createOrderAmender } from '../../domain/ordering/amendments/amend';
import { readAmendment, requestAmend } from '../../domain/ordering/amendments/request';
import { beginCharge } from '../../domain/ordering/pay';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { openAuthorisedShop, type AuthorisedShop } from '../db/authorised-orders';
import { orderOf, viewOf } from '../db/support';
import { useStripe } from './stripe-fixture';

const { stripe, gateway } = useStripe();

let shop: AuthorisedShop;
beforeAll(async () => {
  shop = await openAuthorisedShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

test.each(['with the order', 'later'])(
  'what is added to an order that was paid %s is charged to the same method',
  async (when) => {
    const sku = await shop.product({ AMS: 5 });
    const payment = { method: 'card', token: `pm_own_${newId()}` };
    const order = orderOf({ [sku]: 1 }, when === 'later' ? {} : { payment });
    const { orderId } = order;
    await shop.place(order);
    await shop.db.pool.query(`update payments set gateway = 'stripe' where order_id = $1`, [orderId]);
    if (when === 'later')
      await beginCharge(shop.db, {
        orderId,
        updateId: newId(),
        payment,
        reservationId: null,
        gateway: 'stripe',
        attemptLimit: 10,
      });
    await shop.carryOn(orderId, { gateway: gateway() });
    expect(await viewOf(shop.db, orderId)).toMatchObject({ status: 'paid' });

    const requestId = newId();
    await requestAmend(shop.db, { orderId, requestId, items: [{ sku, quantity: 3 }], shipTo: null }, 50);
    const amend = createOrderAmender({
      db: shop.db,
      warehouses: createWarehouseDirectory(shop.db),
      gateway: gateway(),
      strategy: 'nearest',
      attemptLimit: 2,
      unpaidLimits: { orders: 20, units: 1_000 },
    });
    await amend(orderId);
    await shop.carryOn(orderId, { gateway: gateway(), amend });
    expect(await readAmendment(shop.db, requestId)).toMatchObject({ state: 'done' });
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      payments: [{ status: 'captured' }, { status: 'captured', amountMinor: 2_000 }],
    });
    expect(stripe().customers).toHaveLength(1);
  },
);
