import { once } from 'node:events';
import type { Response } from 'express';
import { createAutoResetEvent, type AutoResetEvent } from '../../platform/auto-reset-event';
import { isAppError } from '../../platform/errors';
import type { Settings } from '../../platform/config';
import { limitedCaller } from '../http/limits';
import { contextOf } from '../http/request-context';
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
  metrics: { streams: { inc(): void; dec(): void } };
}

export interface EventStream {
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
export async function sendEventStream(
  context: StreamContext,
  res: Response,
  watch: (onChange: () => void) => () => void,
  send: (stream: EventStream) => Promise<void>,
): Promise<void> {
  if (res.req.method === 'HEAD') {
    res.writeHead(200, HEADERS).end();
    return;
  }
  const { signal: gone, log, admitAgain, principal } = contextOf(res);
  const { STREAMS_PER_CALLER, STREAMS_PER_CUSTOMER } = context.settings;
  // Customers are many, and anybody is one who registers; a service's streams may be those of all its customers.
  const limit = principal.role === 'customer' ? STREAMS_PER_CUSTOMER : STREAMS_PER_CALLER;
  const freeSlot = context.streamSlots.take(limitedCaller(res.req, res), limit);
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
    if (!res.write(text)) await once(res, 'drain', { signal: stop });
  };
  try {
    res.writeHead(200, HEADERS);
    await write(`retry: ${RETRY_MS}\n\n`);
    await send({ change, stop, write });
  } catch (error) {
    // A key that was revoked, a token that has expired, or what is theirs no longer: nothing more is told.
    if (isAppError(error)) return;
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
