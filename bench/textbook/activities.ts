import type { Carrier } from '../../domain/fulfilment/types';
import type { PaymentGateway } from '../../domain/payments/gateway';
import type { Database } from '../../platform/database/database';
import { reserveInteractively } from '../reserve-interactive';

export interface TextbookDeps {
  db: Database;
  gateway: PaymentGateway;
  carrier: Carrier;
  /** Records which workflow waits for a shipment's pick-up. */
  expectPickUp(shipmentId: string, workflowId: string): void;
}

export interface TextbookActivities {
  reserve(input: { orderId: string; productNumber: number }): Promise<void>;
  charge(orderId: string): Promise<void>;
  confirm(orderId: string): Promise<void>;
  book(input: { orderId: string; workflowId: string }): Promise<void>;
  ship(orderId: string): Promise<void>;
  complete(orderId: string): Promise<void>;
}

const PRICE_MINOR = 1_000;

/** Each step is a transaction or a call of its own. The order's id is also that of its reservation, charge and shipment. */
export function createTextbookActivities(deps: TextbookDeps): TextbookActivities {
  const { db } = deps;
  const run = (name: string, text: string, orderId: string) =>
    db.query({ name: `textbook.${name}`, text, values: [orderId] });
  return {
    async reserve({ orderId, productNumber }) {
      await reserveInteractively(db.pool, productNumber, orderId);
      await run(
        'order',
        `insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input)
         values ($1, 'bench', 'reserved', 'complete', 'USD', ${PRICE_MINOR}, 900, '{}')`,
        orderId,
      );
    },
    async charge(orderId) {
      const outcome = await deps.gateway.charge({
        paymentId: orderId,
        orderId,
        amountMinor: PRICE_MINOR,
        currency: 'USD',
        method: 'card',
        token: 'tok_ok',
        gatewayRef: null,
        captureLater: false,
        offSession: false,
        keepsMethod: false,
        customerRef: null,
        returnUrl: null,
      });
      if (outcome.status !== 'captured') throw new Error('not captured');
    },
    async confirm(orderId) {
      await run('confirm', `update reservations set status = 'confirmed' where id = $1`, orderId);
      await run('paid', `update orders set status = 'paid' where id = $1`, orderId);
    },
    async book({ orderId, workflowId }) {
      deps.expectPickUp(orderId, workflowId);
      await deps.carrier.book([{ shipmentId: orderId, orderId, warehouse: 'AMS', shipTo: null, items: [] }]);
    },
    ship: (orderId) =>
      db.transaction(async (tx) => {
        const step = (name: string, text: string) =>
          tx.query({ name: `textbook.${name}`, text, values: [orderId] });
        await step('ship', `update reservations set status = 'shipped' where id = $1`);
        await step(
          'stock',
          `update stock s set on_hand = on_hand - 1, reserved = reserved - 1 from reservation_lines l
           where l.reservation_id = $1 and s.product_id = l.product_id and s.warehouse_id = l.warehouse_id`,
        );
        await step('line', 'update reservation_lines set open_quantity = 0 where reservation_id = $1');
        await step(
          'ledger',
          `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
           select product_id, warehouse_id, 'ship', -1, -1, $1 from reservation_lines where reservation_id = $1`,
        );
      }),
    async complete(orderId) {
      await run('fulfilled', `update orders set status = 'fulfilled' where id = $1`, orderId);
    },
  };
}
