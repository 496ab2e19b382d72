import { newId } from '../../platform/ids';
import { tamper } from '../consistency/support';
import { orderOf, type OrderShop } from '../db/support';
import type { Write } from './barrier';

/** Something wrong that a script can repair. */
export interface Defect {
  /** What every finding about it names. */
  about: string;
  /** What its repair writes on its way. */
  writes: Omit<Write, 'at'>;
}

/** Defects of a shop, and products of their own that they are of. */
export interface Defects {
  all: Defect[];
  skus: Record<'lines' | 'ended' | 'counted' | 'held' | 'due' | 'ordered', string>;
  /** Ended, and its 2 units are still held. */
  endedOrderId: string;
  /** Waits for 2 units of `held`, which would be there. */
  waitingOrderId: string;
}

/** Plants a defect of every kind whose repair writes rows, and a disabled trigger. */
export async function plantDefects(shop: OrderShop): Promise<Defects> {
  const sql = (...statements: string[]) => tamper(shop.url, ...statements);
  const skus = {
    lines: await shop.product({ AMS: 5 }),
    ended: await shop.product({ AMS: 5 }),
    counted: await shop.product({ AMS: 5 }),
    held: await shop.product({ AMS: 3 }),
    due: await shop.product({ AMS: 5, BER: 5 }),
    ordered: await shop.product({ AMS: 5 }),
  };

  async function addHold(sku: string, status: string, expires: string, units: number): Promise<string> {
    const id = newId();
    await sql(
      `insert into reservations (id, kind, status, expires_at) values ('${id}', 'hold', '${status}', ${expires})`,
      `insert into reservation_lines select '${id}', product_id, warehouse_id, ${units}, ${units} from stock ${of(sku)}`,
    );
    return id;
  }

  /** Counter and ledger of a hold, which may be another's or nobody's. */
  async function reserve(sku: string, hold: string, units: number): Promise<void> {
    await sql(
      `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
       select product_id, warehouse_id, 'reserve', 0, ${units}, '${hold}' from stock ${of(sku)}`,
      `insert into ledger_keys values ('reserve:${hold}')`,
      `update stock set reserved = reserved + ${units} ${of(sku)}`,
    );
  }

  const lines = await addHold(skus.lines, 'pending', 'now()', 4);
  const ended = await addHold(skus.ended, 'expired', 'now()', 4);
  const due = await addHold(skus.due, 'pending', `now() - interval '1 hour'`, 2);
  await reserve(skus.due, due, 2);
  const gone = newId();
  await reserve(skus.held, gone, 2);
  const order = orderOf({ [skus.ordered]: 2 });
  await shop.place(order);
  await sql(
    `delete from reservations where id = '${lines}'`,
    `update stock set on_hand = 8 ${of(skus.counted)}`,
    `update stock set reserved = 3 ${of(skus.held)}`,
    `update orders set status = 'cancelled' where id = '${order.orderId}'`,
    `delete from ledger_keys where key = 'reserve:${gone}'`,
    `delete from outbox`,
    `insert into outbox (topic, key, attempts, created_at, available_at)
     values ('order.wake', 'nobody', 12, now() - interval '1 hour', now() + interval '1 hour')`,
    'alter table ledger_keys disable trigger ledger_keys_append_only',
  );
  const waiting = orderOf({ [skus.held]: 2 }, { fulfilment: 'backorder' });
  await shop.place(waiting);

  const writes = (about: string, on: string, when: string): Defect => ({ about, writes: { on, when } });
  return {
    all: [
      writes(lines, 'delete on reservation_lines', `old.reservation_id = '${lines}'`),
      writes(ended, 'update on reservation_lines', `new.reservation_id = '${ended}'`),
      writes(skus.counted, 'update on stock', 'new.on_hand < old.on_hand'),
      writes(
        skus.held,
        'insert on inventory_transactions',
        `new.kind = 'repair' and new.reservation_id is null`,
      ),
      writes(
        due,
        'insert on inventory_transactions',
        `new.kind = 'repair' and new.reservation_id = '${due}'`,
      ),
      writes(order.orderId, 'update on order_items', `new.order_id = '${order.orderId}'`),
      writes(gone, 'insert on ledger_keys', `new.key = 'reserve:${gone}'`),
      writes('nobody', 'update on outbox', `new.key = 'nobody'`),
    ],
    skus,
    endedOrderId: order.orderId,
    waitingOrderId: waiting.orderId,
  };
}

/** Its stock rows. */
function of(sku: string): string {
  return `where product_id = (select id from products where sku = '${sku}')`;
}
