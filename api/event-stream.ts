import { once } from 'node:events';
import type { Response } from 'express';
import { readOrderEvents } from '../domain/orders/views';
import type { OrderEvent } from '../domain/orders/types';
import { createNudge } from '../platform/nudge';
import type { ApiContext } from './context';
import { contextOf } from './request-context';

/** Comments keep proxies from closing a silent stream; each also re-reads, in case a notice was lost. */
const HEARTBEAT_MS = 15_000;
const PAGE = 100;
/** What EventSource waits before it connects again. */
const RETRY_MS = 1_000;

/**
 * Sends an order's events after `after`, then each new one as it happens, and ends when the order has ended and everything
 * is sent. Events come from the table by number; a notice only says "look again", so none is lost or sent twice. Reads the
 * next page only when the client has taken the last: a slow client costs no memory here.
 */
export async function streamOrderEvents(
  context: ApiContext,
  res: Response,
  from: { orderId: string; after: number; first: { items: OrderEvent[]; ended: boolean } },
): Promise<void> {
  const { signal: gone, log } = contextOf(res);
  const stop = AbortSignal.any([gone, context.stopping]);
  const nudge = createNudge();
  const ring = () => {
    nudge.ring();
  };
  // Before the second read, so that what happens between the reads rings.
  const unwatch = context.feed.watch(from.orderId, ring);
  stop.addEventListener('abort', ring);
  context.metrics.streams.inc();
  try {
    res.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    await write(res, stop, `retry: ${RETRY_MS}\n\n`);
    let { after } = from;
    let page: typeof from.first | null = from.first;
    while (page && !stop.aborted) {
      if (page.items.length > 0) await write(res, stop, page.items.map(asMessage).join(''));
      else await write(res, stop, ': still here\n\n');
      after = page.items.at(-1)?.seq ?? after;
      const mayHaveMore = page.items.length === PAGE;
      if (page.ended && !mayHaveMore) break;
      if (!mayHaveMore) await nudge.wait(HEARTBEAT_MS);
      page = await readOrderEvents(context.db, from.orderId, { after, limit: PAGE });
    }
  } catch (error) {
    // The client connects again and says how far it got.
    if (!stop.aborted) log.warn({ err: error }, 'a stream of events broke off');
  } finally {
    stop.removeEventListener('abort', ring);
    unwatch();
    context.metrics.streams.dec();
    res.end();
  }
}

/** The first page of a stream, read before it is opened so that a missing order is still a 404. */
export function readFirstEvents(context: ApiContext, orderId: string, after: number) {
  return readOrderEvents(context.db, orderId, { after, limit: PAGE });
}

async function write(res: Response, stop: AbortSignal, text: string): Promise<void> {
  if (!res.write(text)) await once(res, 'drain', { signal: stop });
}

function asMessage(event: OrderEvent): string {
  return `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
