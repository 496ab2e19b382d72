import { z } from 'zod';
import { eventFor } from '../../domain/orders/customer-events';
import { readOrderEvents } from '../../domain/orders/views';
import { OWN_ORDER } from '../http/access';
import { cursorOf } from '../http/cursor';
import { okPage, pageIn } from '../http/pages';
import { API_BASE } from '../http/paths';
import { route, type Route } from '../http/route';
import { idParams, pageQuery, smallRowNumber } from '../schemas/common';
import { eventPage } from '../schemas/orders';
import type { ApiContext } from '../services/context';
import { lastEventId } from '../streams/last-event-id';
import { orderSource } from '../streams/order-source';
import { sendFollowed } from '../streams/server-sent-events';
import { orderNotFound } from '../use-cases/saga-update';

const query = z.object({ ...pageQuery, cursor: cursorOf(z.object({ seq: smallRowNumber })).optional() });

export function orderEvents(context: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/orders/{id}/events`,
        access: OWN_ORDER,
        tag: 'Orders',
        summary: 'The history of an order, or a live stream of it',
        description:
          'With `Accept: text/event-stream`: the history, then every event as it happens, until the order has ended. ' +
          'To customers without what staff wrote, and who they are. The id of each message is its `seq`; `Last-Event-ID` resumes after it; 422 `EVENTS_AHEAD`: there is none such yet. 204: the order has ended and nothing is left.',
        params: idParams,
        query,
        responses: {
          200: {
            description: 'A page of the history, oldest first, or the stream',
            content: { 'application/json': eventPage, 'text/event-stream': z.string() },
          },
          204: { description: 'Nothing is left to stream' },
        },
        problems: ['VALIDATION_FAILED', 'EVENTS_AHEAD', 'TOO_MANY_STREAMS', 'OVERLOADED'],
      },
      async ({ params: { id }, query: { limit, offset, cursor }, principal, req, res }) => {
        const show = eventFor(principal);
        if (req.accepts(['application/json', 'text/event-stream']) === 'text/event-stream') {
          const after = lastEventId(req.get('last-event-id'));
          const order = orderSource(context, id, show);
          const first = await order.read(after);
          if (!first) throw orderNotFound();
          if (first.ended && first.messages.length === 0) res.status(204).end();
          else await sendFollowed(context, res, order, { first, after });
          return null;
        }
        const page = await readOrderEvents(context.db, id, {
          after: cursor?.seq ?? 0,
          limit: limit + 1,
          offset,
        });
        if (!page) throw orderNotFound();
        return okPage(pageIn(page.items.map(show), limit, ({ seq }) => ({ seq })));
      },
    ),
  ];
}
