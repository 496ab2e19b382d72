import { EVENTS_NUMBERED } from '../../domain/event-log/types';
import { readEvents } from '../../domain/events/read';
import type { StreamEvent, Visibility } from '../../domain/events/types';
import type { Queryable } from '../../platform/database/database';
import type { ChangeFeed } from './change-feed';
import type { Followed, FollowedMessage, FollowedPage } from './follow-by-position';
import { pollMsOf } from './poll';

const PAGE = 500;

/** There is a stream, also where nothing is in it. */
interface FollowedStream extends Followed {
  read(after: number | undefined): Promise<FollowedPage>;
}

/** Events of the stream in the order of their positions; `types` undefined: all. Without a position from the oldest that is kept on. */
export function eventSource(
  { db, numberedEvents }: { db: Queryable; numberedEvents: ChangeFeed },
  selection: { types: readonly string[] | undefined; visible: Visibility },
): FollowedStream {
  return {
    watch: (wake) => numberedEvents.watch(EVENTS_NUMBERED, wake),
    get pollMs() {
      return pollMsOf(numberedEvents);
    },
    async read(after) {
      const page = await readEvents(db, { ...selection, after, limit: PAGE });
      return { messages: page.items.map(asMessage), after: page.after, atEnd: page.atEnd, ended: false };
    },
  };
}

export function asMessage(event: StreamEvent): FollowedMessage {
  return {
    position: event.position,
    event: event.type,
    data: JSON.stringify(event),
    at: Date.parse(event.at),
  };
}
