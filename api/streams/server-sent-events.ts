import { once } from 'node:events';
import type { Response } from 'express';
import { createAutoResetEvent, type AutoResetEvent } from '../../platform/auto-reset-event';
import type { ApiContext } from '../context';
import { contextOf } from '../http/request-context';

/** What EventSource waits before it connects again. */
const RETRY_MS = 1_000;

export interface SseStream {
  /** Rung when there may be something to send, and when it is time to end. */
  nudge: AutoResetEvent;
  /** Aborted when the client is gone or the API stops. */
  stop: AbortSignal;
  /** Resolves when the client can take more: a slow one costs no memory here. */
  write(text: string): Promise<void>;
}

/**
 * Answers with a stream of server-sent events that `send` writes, until it returns, the client leaves or the API stops.
 *
 * @param watch is given what to call when there may be something new, and answers how to stop that
 */
export async function answerWithStream(
  context: Pick<ApiContext, 'stopping' | 'metrics'>,
  res: Response,
  watch: (ring: () => void) => () => void,
  send: (stream: SseStream) => Promise<void>,
): Promise<void> {
  const { signal: gone, log } = contextOf(res);
  const stop = AbortSignal.any([gone, context.stopping]);
  const nudge = createAutoResetEvent();
  const ring = () => {
    nudge.set();
  };
  const unwatch = watch(ring);
  stop.addEventListener('abort', ring);
  context.metrics.streams.inc();
  const write = async (text: string) => {
    if (!res.write(text)) await once(res, 'drain', { signal: stop });
  };
  try {
    res.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    await write(`retry: ${RETRY_MS}\n\n`);
    await send({ nudge, stop, write });
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
