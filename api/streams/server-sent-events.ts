import { once } from 'node:events';
import type { Response } from 'express';
import { createAutoResetEvent, type AutoResetEvent } from '../../platform/auto-reset-event';
import { isPublic } from '../../domain/identity/rules';
import { isAppError } from '../../platform/errors';
import type { Settings } from '../../platform/config';
import { limitedCaller } from '../http/limits';
import { contextOf } from '../http/request-context';
import { follow, type Followed, type FollowedMessage, type FollowedPage } from './follow-by-position';
import { PIECE_BYTES, STUCK_MS } from './slow-clients';
import type { StreamSlots } from './stream-slots';

/** What EventSource waits before it connects again. */
const RETRY_MS = 1_000;

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

/** What a stream of events works with. */
export interface StreamContext {
  /** Aborted when the API stops. */
  stopping: AbortSignal;
  streamSlots: StreamSlots;
  settings: Pick<Settings, 'STREAMS_PER_CALLER' | 'STREAMS_PER_CUSTOMER'>;
  metrics: { streams: { inc(): void; dec(): void }; streamDropped(): void };
}

/** Customers behind one address whose pages use a publishable key. */
const CUSTOMERS_OF_AN_ADDRESS = 20;

/**
 * Takes a place for a stream or a WebSocket. Customers are many, and anybody is one who registers, or has a publishable key, of which
 * each address counts; a service's may be those of all its customers.
 *
 * @throws AppError `TOO_MANY_STREAMS`, `OVERLOADED`
 */
export function takeStreamSlot(
  { streamSlots, settings }: Pick<StreamContext, 'streamSlots' | 'settings'>,
  res: Response,
): () => void {
  const { STREAMS_PER_CALLER, STREAMS_PER_CUSTOMER } = settings;
  const { principal } = contextOf(res);
  const ofPublic = STREAMS_PER_CUSTOMER * (principal.role === null ? CUSTOMERS_OF_AN_ADDRESS : 1);
  return streamSlots.take({
    id: limitedCaller(res.req, res),
    limit: isPublic(principal) ? Math.min(ofPublic, STREAMS_PER_CALLER) : STREAMS_PER_CALLER,
    isPublic: isPublic(principal),
  });
}

interface EventStream {
  /** Signalled when there may be something to send, and when it is time to end. */
  change: AutoResetEvent;
  /** Aborted when the client is gone or the API stops. */
  stop: AbortSignal;
  /**
   * Resolves when the client can take more: a slow one costs no memory here.
   *
   * @throws AppError where the client may not be told any more
   */
  write(text: string): Promise<void>;
}

/**
 * Responds with a stream of server-sent events that `send` writes, until it returns, the client leaves or the API stops. To HEAD with
 * its headers alone.
 *
 * @param watch calls its argument when there may be something new, until the function that it returned is called
 * @throws AppError `TOO_MANY_STREAMS`, `OVERLOADED`
 */
async function sendEventStream(
  context: StreamContext,
  res: Response,
  watch: (onChange: () => void) => () => void,
  send: (stream: EventStream) => Promise<void>,
): Promise<void> {
  if (res.req.method === 'HEAD') {
    res.writeHead(200, HEADERS).end();
    return;
  }
  const { signal: gone, log, admitAgain } = contextOf(res);
  const freeSlot = takeStreamSlot(context, res);
  const stop = AbortSignal.any([gone, context.stopping]);
  const change = createAutoResetEvent();
  const onChange = () => {
    change.set();
  };
  const unwatch = watch(onChange);
  stop.addEventListener('abort', onChange);
  context.metrics.streams.inc();
  const write = async (text: string) => {
    await admitAgain();
    await writeInPieces(res, text, stop);
  };
  try {
    res.writeHead(200, HEADERS);
    await write(`retry: ${RETRY_MS}\n\n`);
    await send({ change, stop, write });
  } catch (error) {
    // A key that was revoked, a token that has expired, or what is theirs no longer: nothing more is told.
    if (isAppError(error)) return;
    if (error instanceof ClientStuck) {
      context.metrics.streamDropped();
      // `end` would wait for it to take the rest.
      res.destroy();
      return;
    }
    // The client connects again with the id of the last message that it got.
    if (!stop.aborted) log.warn({ err: error }, 'a stream of events broke off');
  } finally {
    stop.removeEventListener('abort', onChange);
    unwatch();
    freeSlot();
    context.metrics.streams.dec();
    res.end();
  }
}

/** A client did not take what it was told. */
class ClientStuck extends Error {
  override readonly name = 'ClientStuck';
}

/**
 * Resolves when the client can take more. @throws `ClientStuck` where it takes nothing for `STUCK_MS`; what `stop` is aborted with
 */
async function writeInPieces(res: Response, text: string, stop: AbortSignal): Promise<void> {
  const whole = Buffer.from(text);
  for (let at = 0; at < whole.length; at += PIECE_BYTES) {
    if (res.write(whole.subarray(at, at + PIECE_BYTES))) continue;
    const late = AbortSignal.timeout(STUCK_MS);
    try {
      await once(res, 'drain', { signal: AbortSignal.any([stop, late]) });
    } catch (error) {
      if (late.aborted && !stop.aborted) throw new ClientStuck();
      throw error;
    }
  }
}

/**
 * Responds with what is followed, as server-sent events: the id of each message is its position. Where nothing comes a comment keeps proxies
 * from closing the stream, and a position that moves on past what is not for the reader is told by an id alone.
 *
 * @param from.first read before the stream is opened, so that what is wrong is still a problem document
 * @param from.after the position that the client knows
 * @throws AppError `TOO_MANY_STREAMS`, `OVERLOADED`
 */
export function sendFollowed(
  context: StreamContext,
  res: Response,
  followed: Followed,
  { first, after }: { first: FollowedPage; after: number | undefined },
): Promise<void> {
  return sendEventStream(
    context,
    res,
    (onChange) => followed.watch(onChange),
    async ({ change, stop, write }) => {
      let told = after;
      await follow(followed, first, {
        change,
        stop,
        async deliver(page) {
          if (page.messages.length > 0) await write(page.messages.map(asServerSent).join(''));
          else await write(page.after === told ? ': still here\n\n' : `id: ${page.after}\n\n`);
          told = page.after;
        },
      });
    },
  );
}

function asServerSent({ position, event, data }: FollowedMessage): string {
  return `id: ${position}\nevent: ${event}\ndata: ${data}\n\n`;
}
