import type { StreamEvent } from '../events/types';
import { BODY_BYTES } from './rules';

/** The id by which a receiver knows an event, however often it comes, and by whichever webhook. */
export function messageId(position: number): string {
  return `evt_${position}`;
}

/** An event as receivers get it. Of one that would be too large `data` is null and `dataOmitted` true: it is read by its position. */
export function bodyOf({ at, ...event }: StreamEvent): string {
  const body = JSON.stringify({ ...event, timestamp: at });
  if (Buffer.byteLength(body) <= BODY_BYTES) return body;
  return JSON.stringify({ ...event, timestamp: at, data: null, dataOmitted: true });
}
