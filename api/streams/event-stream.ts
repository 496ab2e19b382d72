import type { Response } from 'express';
import { EVENTS_NUMBERED } from '../../domain/event-log/types';
import { readEvents } from '../../domain/events/read';
import type { EventPage, StreamEvent, Visibility } from '../../domain/events/types';
import type { Queryable } from '../../platform/database/database';
import type { ChangeFeed } from './change-feed';
import { sendEventStream, type StreamContext } from './server-sent-events';

interface EventStreamContext extends StreamContext {
  db: Queryable;
  numberedEvents: ChangeFeed;
}

/** Comments keep proxies from closing a silent stream; each also reads again, in case a notice was lost. */
const HEARTBEAT_MS = 5_000;
const PAGE = 500;

export interface EventSelection {
  after: number | undefined;
  types: readonly string[] | undefined;
  visible: Visibility;
}

/** The first page of a stream, read before it is opened, so that a position that is kept no more is a problem. */
export function readFirstPage(
  { db }: Pick<EventStreamContext, 'db'>,
  selection: EventSelection,
): Promise<EventPage> {
  return readEvents(db, { ...selection, limit: PAGE });
}

/**
 * Sends events in the order of their positions, and each new one soon after it has its own, until the client leaves. A page that has
 * nothing for the reader moves their position on by a message without data, so that they go on from there.
 */
export function streamEvents(
  context: EventStreamContext,
  res: Response,
  { first, ...selection }: EventSelection & { first: EventPage },
): Promise<void> {
  return sendEventStream(
    context,
    res,
    (onChange) => context.numberedEvents.watch(EVENTS_NUMBERED, onChange),
    async ({ change, stop, write }) => {
      let page = first;
      let told = selection.after;
      while (!stop.aborted) {
        if (page.items.length > 0) await write(page.items.map(asMessage).join(''));
        else await write(page.after === told ? ': still here\n\n' : `id: ${page.after}\n\n`);
        told = page.after;
        if (page.atEnd) await change.wait(HEARTBEAT_MS);
        page = await readEvents(context.db, { ...selection, after: page.after, limit: PAGE });
      }
    },
  );
}

function asMessage(event: StreamEvent): string {
  return `id: ${event.position}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
