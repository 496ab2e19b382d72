import type { Queryable } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { EVENT_TYPES, publicType, typesBySource, VERSION } from './catalogue';
import { selectBounds, selectEvents, type EventRow, type StreamBounds } from './queries';
import type { EventPage, StreamEvent, Visibility } from './types';

export { selectBounds as readBounds } from './queries';

/** Positions that one page looks at, at most, where most of what is there may be of other types or not for the reader. */
const LOOKED_AT = 5_000;

/**
 * Events after a position, in their order. A page may be short or empty before the end: `after` of it is where to go on. None is left out
 * between two pages.
 *
 * @param request.after undefined: from the oldest that is kept on
 * @param request.types of the catalogue; undefined: all
 * @param request.upTo the last position that is looked at; undefined: as far as one page looks
 * @throws AppError `EVENTS_EXPIRED` where events after this position are kept no more, `EVENTS_AHEAD` for a position that there is not yet
 */
export async function readEvents(
  on: Queryable,
  request: {
    after: number | undefined;
    types: readonly string[] | undefined;
    limit: number;
    visible: Visibility;
    upTo?: number;
  },
): Promise<EventPage> {
  const bounds = await selectBounds(on);
  const after = startOf(bounds, request.after);
  if (after >= bounds.newest) return { items: [], after, atEnd: true, newest: bounds.newest };
  const upTo = Math.min(bounds.newest, after + LOOKED_AT, request.upTo ?? bounds.newest);
  const rows = await selectEvents(
    on,
    { after, upTo, limit: request.limit },
    typesBySource(request.types ?? EVENT_TYPES),
    request.visible,
  );
  const last = rows.length === request.limit ? (rows.at(-1)?.position ?? upTo) : upTo;
  const { newest } = bounds;
  return { items: rows.map(asEvent), after: last, atEnd: last >= newest, newest };
}

function startOf({ newest, oldest }: StreamBounds, after: number | undefined): number {
  if (after === undefined) return oldest - 1;
  if (after < oldest - 1)
    throw new AppError(
      'EVENTS_EXPIRED',
      `Events up to ${oldest - 1} are kept no more: read what you follow anew, then go on after ${oldest - 1} or later.`,
      { oldest: oldest - 1 },
    );
  if (after > newest)
    throw new AppError(
      'EVENTS_AHEAD',
      `The newest event has the position ${newest}. A position beyond it is of another database, or of a later state of this one.`,
      { newest },
    );
  return after;
}

function asEvent({ source, type, actor, ...row }: EventRow): StreamEvent {
  return {
    position: row.position,
    type: publicType(source, type),
    version: VERSION,
    at: row.at,
    subject: row.subject,
    actor: actor ?? 'system',
    onBehalfOf: row.onBehalfOf,
    trace: row.trace,
    data: row.data,
  };
}
