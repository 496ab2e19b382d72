import type { OrderEvent } from '../../domain/orders/types';
import { readEventsOfOrders, type NumberedEvents } from '../../domain/orders/views';
import type { Queryable } from '../../platform/database/database';
import { createSharedReads } from '../../platform/shared-reads';
import { positionAhead } from './ahead';
import type { ChangeFeed } from './change-feed';
import type { Followed, FollowedMessage } from './follow-by-position';
import { pollMsOf } from './poll';

const PAGE = 100;
/** Numbers of events are `int`. */
const LAST_NUMBER = 2_147_483_647;
const LANES = 2;
const MAX_BATCH = 64;

/** The next page of an order's events after a number, read with those that others ask for at that moment. Null: there is no such order. */
export type OrderEventReader = (orderId: string, after: number) => Promise<NumberedEvents | null>;

export function createOrderEventReader(db: Queryable): OrderEventReader {
  const read = createSharedReads<NumberedEvents>({
    lanes: LANES,
    maxBatch: MAX_BATCH,
    read: (keys) => readEventsOfOrders(db, keys.map(wantedOf), PAGE),
  });
  return (orderId, after) => read(`${orderId} ${after}`);
}

function wantedOf(key: string): { key: string; orderId: string; after: number } {
  const [orderId = '', after] = key.split(' ');
  return { key, orderId, after: Number(after) };
}

/**
 * An order's events, by their number: none is left out or comes twice. It ends when the order has ended and everything was read.
 *
 * @param show an event as who follows it sees it
 */
export function orderSource(
  { orderEvents, orderChanges }: { orderEvents: OrderEventReader; orderChanges: ChangeFeed },
  orderId: string,
  show: (event: OrderEvent) => OrderEvent,
): Followed {
  return {
    watch: (wake) => orderChanges.watch(orderId, wake),
    get pollMs() {
      return pollMsOf(orderChanges);
    },
    async read(after = 0) {
      const page = await orderEvents(orderId, Math.min(after, LAST_NUMBER));
      if (!page) return null;
      if (after > page.newest) throw positionAhead(page.newest);
      return {
        messages: page.items.map((event) => asMessage(show(event))),
        after: page.items.at(-1)?.seq ?? after,
        atEnd: page.items.length < PAGE,
        ended: page.ended,
      };
    },
  };
}

function asMessage(event: OrderEvent): FollowedMessage {
  return {
    position: event.seq,
    event: event.type,
    data: JSON.stringify(event),
    at: Date.parse(event.at),
  };
}
