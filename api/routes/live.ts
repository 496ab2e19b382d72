import { z } from 'zod';
import { issueTicket, TICKET_SECONDS } from '../../domain/identity/tickets/tickets';
import { FOLLOW } from '../http/access';
import { API_BASE } from '../http/paths';
import { notSignedIn, problem } from '../http/problems';
import { contextOf } from '../http/request-context';
import { withSecret } from '../http/response';
import { route, type Route } from '../http/route';
import { WEB_SOCKET_PATH } from '../http/upgrades';
import { ticket, topicQuery } from '../schemas/sockets';
import type { ApiContext } from '../services/context';
import { lastPosition } from '../streams/last-event-id';
import { sendFollowed, takeStreamSlot } from '../streams/server-sent-events';
import { readFirst, topicNamed } from '../streams/topics';

const TAG = 'Live updates';

/** Following what changes: by WebSocket, or by server-sent events. */
export function liveRoutes(context: ApiContext): Route[] {
  const { db, topics, sockets } = context;
  return [
    route(
      {
        methods: ['get'],
        path: WEB_SOCKET_PATH,
        access: FOLLOW,
        tag: TAG,
        summary: 'A WebSocket that tells what changes',
        description:
          'One connection follows many topics, see docs/live-updates.md and `/asyncapi.json`. A page signs in by a ticket (`POST /ws/tickets`), offered as a subprotocol; ' +
          'others by the headers of any request. Nothing that signs in goes into the address.',
        responses: { 101: { description: 'The connection goes on as a WebSocket' } },
        problems: ['BAD_REQUEST', 'UPGRADE_REQUIRED', 'TOO_MANY_STREAMS', 'OVERLOADED'],
      },
      ({ req, res, principal }) => {
        if (!req.webSocketUpgrade) {
          res.setHeader('upgrade', 'websocket');
          throw problem('UPGRADE_REQUIRED', 'Ask for a WebSocket: Connection: Upgrade, Upgrade: websocket.');
        }
        const freeSlot = takeStreamSlot(context, res);
        try {
          sockets.accept(req, res, { principal, onEnd: freeSlot });
        } catch (error) {
          freeSlot();
          throw error;
        }
        return Promise.resolve(null);
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${WEB_SOCKET_PATH}/tickets`,
        access: FOLLOW,
        tag: TAG,
        summary: 'A ticket for a WebSocket of a page',
        description: `Signs in once, within ${TICKET_SECONDS} s, as who asks for it.`,
        responses: { 201: { description: 'The ticket', schema: ticket } },
      },
      async ({ principal: { credential } }) => {
        if (!credential) throw notSignedIn('Sign in first.');
        return withSecret(201, { ticket: await issueTicket(db, credential), expiresIn: TICKET_SECONDS });
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/live`,
        access: FOLLOW,
        tag: TAG,
        summary: 'One topic as server-sent events',
        description:
          'The same messages as by WebSocket: the id of each is its position, and `Last-Event-ID` resumes after it. 204: the thing has ended and everything was told. ' +
          '410 `EVENTS_EXPIRED`: what came after this position is kept no more. 422 `EVENTS_AHEAD`, with the `newest`: there is no such position yet.',
        query: topicQuery,
        responses: {
          200: { description: 'The stream', content: { 'text/event-stream': z.string() } },
          204: { description: 'Nothing is left to stream' },
        },
        problems: ['NOT_FOUND', 'EVENTS_EXPIRED', 'EVENTS_AHEAD', 'TOO_MANY_STREAMS', 'OVERLOADED'],
      },
      async ({ query, principal, req, res }) => {
        const topic = topicNamed(query.topic);
        await topics.expectMayFollow(topic, principal);
        const after = lastPosition(req.get('last-event-id'));
        const followed = topics.open(topic, principal);
        const first = await readFirst(followed, topic, after);
        if (first.ended && first.messages.length === 0) {
          res.status(204).end();
          return null;
        }
        // Before each message both are asked: whether they may follow anything, and whether they may follow this.
        const requestContext = contextOf(res);
        const { admitAgain } = requestContext;
        requestContext.admitAgain = async () => {
          await admitAgain();
          await topics.expectMayFollow(topic, principal);
        };
        await sendFollowed(context, res, followed, { first, after });
        return null;
      },
    ),
  ];
}
