import { withStock } from '../support/stock';
import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { createSandboxCarrier, type SandboxCarrier } from '../../integrations/sandbox-carrier/carrier';
import type { Carrier } from '../../domain/fulfilment/types';
import { addShippingOrder, CARRIER } from '../fulfilment/shipping';
import { addStock, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';

/** A shop, a carrier without a van of its own, and orders whose parcels wait to be booked. */
export interface Booking {
  shop: TestShop;
  carrier: SandboxCarrier;
  /** A paid order with a parcel from each of these warehouses. */
  addOrder(...warehouses: string[]): ReturnType<typeof addShippingOrder>;
  /** The sandbox carrier, with bookings answered by the test. */
  withBook(book: Carrier['book']): Carrier;
  close(): Promise<void>;
}

/** Enough on any machine. */
export const PATIENT = { callTimeoutMs: 60_000 };

export async function openBooking(): Promise<Booking> {
  const shop = await openTestShop();
  const carrier = createSandboxCarrier({
    url: shop.url,
    stageDelayMs: 0,
    refuseWarehouses: ['FAR'],
    deliver: async (events) => {
      const outcomes = await applyCarrierEvents(withStock(shop.db), CARRIER, events);
      return outcomes.filter(({ result }) => result === 'failed').map(({ eventId }) => eventId);
    },
    log: testLogger(),
  });
  for (const warehouse of ['AMS', 'BER', 'FAR']) await addStock(shop.db, 'LAMP', warehouse, 1_000);
  return {
    shop,
    carrier,
    addOrder: (...warehouses) =>
      addShippingOrder(
        shop.db,
        warehouses.map((warehouse) => ({ sku: 'LAMP', warehouse, quantity: 1 })),
      ),
    withBook: (book) => ({ name: carrier.name, book, void: (shipmentId) => carrier.void(shipmentId) }),
    async close() {
      await expectInvariants(shop.db);
      await carrier.close();
      await shop.close();
    },
  };
}
