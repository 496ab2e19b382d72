import type { Response } from 'express';
import { readOrderEvents } from '../../domain/orders/views';
import type { OrderEvent } from '../../domain/orders/types';
import type { Queryable } from '../../platform/database/database';
import type { ChangeFeed } from './change-feed';
import { sendEventStream, type StreamContext } from './server-sent-events';

interface OrderStreamContext extends StreamContext {
  db: Queryable;
  orderChanges: ChangeFeed;
}

/** Comments keep proxies from closing a silent stream; each also re-reads, in case a notice was lost. */
const HEARTBEAT_MS = 15_000;
const PAGE = 100;

/**
 * Sends an order's events after `after`, then each new one as it happens, and ends when the order has ended and everything
 * is sent. Events come from the table by number; a notice only causes another read, so none is lost or sent twice. Reads the
 * next page only when the client has taken the last: a slow client costs no memory here.
 */
export function streamOrderEvents(
  context: OrderStreamContext,
  res: Response,
  from: {
    orderId: string;
    after: number;
    first: { items: OrderEvent[]; ended: boolean };
    /** An event as the client sees it. */
    show: (event: OrderEvent) => OrderEvent;
  },
): Promise<void> {
  return sendEventStream(
    context,
    res,
    // Before the second read, so that a change between the reads is noticed.
    (onChange) => context.orderChanges.watch(from.orderId, onChange),
    async ({ change, stop, write }) => {
      let { after } = from;
      let page: typeof from.first | null = from.first;
      while (page && !stop.aborted) {
        if (page.items.length > 0)
          await write(page.items.map((event) => asMessage(from.show(event))).join(''));
        else await write(': still here\n\n');
        after = page.items.at(-1)?.seq ?? after;
        const mayHaveMore = page.items.length === PAGE;
        if (page.ended && !mayHaveMore) break;
        if (!mayHaveMore) await change.wait(HEARTBEAT_MS);
        page = await readOrderEvents(context.db, from.orderId, { after, limit: PAGE });
      }
    },
  );
}

/** The first page of a stream, read before it is opened so that a missing order is still a 404. */
export function readFirstEvents({ db }: Pick<OrderStreamContext, 'db'>, orderId: string, after: number) {
  return readOrderEvents(db, orderId, { after, limit: PAGE });
}

function asMessage(event: OrderEvent): string {
  return `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
