import { z } from 'zod';
import { readEvents } from '../../domain/events/read';
import { visibilityOf } from '../../domain/events/visibility';
import { OPERATIONS, READ_EVENTS } from '../http/access';
import { API_BASE } from '../http/paths';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { describeEvents } from '../schemas/asyncapi';
import { eventQuery, eventStreamPage } from '../schemas/events';
import type { ApiContext } from '../services/context';
import { eventSource } from '../streams/event-source';
import { lastPosition } from '../streams/last-event-id';
import { sendFollowed } from '../streams/server-sent-events';

/** What has happened, from any position on. */
export function eventRoutes(context: ApiContext): Route[] {
  let description: ReturnType<typeof describeEvents> | undefined;
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/events`,
        access: READ_EVENTS,
        tag: 'Events',
        summary: 'What has happened, or a live stream of it',
        description:
          'Events in the order of their positions, from one on; none is left out between two pages. An event has its position some tenths of a second after it ' +
          'was committed. Operators see all; a service what its scopes let it read elsewhere. With `Accept: text/event-stream`: the same, then every event as it ' +
          'comes; the id of each message is a position, and `Last-Event-ID` resumes after it. 410 `EVENTS_EXPIRED`: events after this position are kept no more.',
        query: eventQuery,
        responses: {
          200: {
            description: 'A page, or the stream',
            content: { 'application/json': eventStreamPage, 'text/event-stream': z.string() },
          },
        },
        problems: ['VALIDATION_FAILED', 'EVENTS_EXPIRED', 'EVENTS_AHEAD', 'TOO_MANY_STREAMS', 'OVERLOADED'],
      },
      async ({ query: { after, limit, types }, principal, req, res }) => {
        const visible = visibilityOf(principal);
        if (req.accepts(['application/json', 'text/event-stream']) !== 'text/event-stream')
          return ok(await readEvents(context.reports, { after, limit, types, visible }));
        const from = lastPosition(req.get('last-event-id')) ?? after;
        const followed = eventSource(context, { types, visible });
        await sendFollowed(context, res, followed, { first: await followed.read(from), after: from });
        return null;
      },
    ),
    route(
      {
        methods: ['get'],
        path: '/asyncapi.json',
        access: OPERATIONS,
        tag: 'Events',
        limit: null,
        summary: 'The types of events, with their schemas',
        responses: {
          200: { description: 'AsyncAPI 3.0', schema: z.looseObject({ asyncapi: z.string() }) },
        },
      },
      () => Promise.resolve({ status: 200, body: (description ??= describeEvents()) }),
    ),
  ];
}
