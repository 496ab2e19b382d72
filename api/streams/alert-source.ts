import { typesNamed } from '../../domain/events/catalogue';
import { readBounds, readEvents } from '../../domain/events/read';
import { EVERYTHING } from '../../domain/events/visibility';
import type { Queryable } from '../../platform/database/database';
import { ALERTS_KEY, type EventKeys } from './event-keys';
import { asMessage } from './event-source';
import type { Followed } from './follow-by-position';
import { pollMsOf } from './poll';

const TYPES = typesNamed('alert.*');
const PAGE = 100;

/** Alerts that are raised, acknowledged and resolved, by their positions; without one from now on. */
export function alertSource({ db, eventKeys }: { db: Queryable; eventKeys: EventKeys }): Followed {
  return {
    watch: (wake) => eventKeys.watch(ALERTS_KEY, wake),
    get pollMs() {
      return pollMsOf(eventKeys);
    },
    async read(after) {
      if (after === undefined) {
        const { newest } = await readBounds(db);
        return { messages: [], after: newest, atEnd: true, ended: false };
      }
      const page = await readEvents(db, { after, types: TYPES, limit: PAGE, visible: EVERYTHING });
      return { messages: page.items.map(asMessage), after: page.after, atEnd: page.atEnd, ended: false };
    },
  };
}
