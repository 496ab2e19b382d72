import { randomFillSync } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { ANONYMOUS, type Principal } from '../../domain/identity/types';
import type { AppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import type { Logger } from '../../platform/telemetry/log';

/** What goes with a request from its arrival to its last log line. */
export interface RequestContext {
  requestId: string;
  /** W3C trace context with this request's own span. */
  traceparent: string;
  log: Logger;
  /** Aborted when the client goes away before it has its response. */
  signal: AbortSignal;
  /** The route's template, for metrics: its values are few, those of paths are not. */
  route: string;
  /** Who asks: `ANONYMOUS` until `identify` has seen the request, and where its credentials are not good. */
  principal: Principal;
  /** What is wrong with the credentials; null: nothing. Told once the request is counted. */
  failedSignIn: AppError | null;
  /** Whose idempotency key the request has: the caller of the principal, or of what it has adopted. */
  keyCaller: string;
  /** Asks again whether they may: of responses that go on for long. @throws AppError as the first time */
  admitAgain(): Promise<void>;
}

const REQUEST_ID = /^[\w.:@/+=-]{1,128}$/;
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

/** Gives every request its context; `observe` is called once, when the exchange is over. */
export function requestContext(
  log: Logger,
  observe: (context: RequestContext, req: Request, res: Response, seconds: number) => void,
): RequestHandler {
  const randomHex = createRandomHex();
  return (req, res, next) => {
    const started = process.hrtime.bigint();
    const requestId = validRequestId(req.get('x-request-id')) ?? newId();
    const traceparent = continueTrace(req.get('traceparent'), randomHex);
    const exchange = lazyContext(log, requestId, traceparent);
    res.locals['context'] = exchange.context;
    res.setHeader('x-request-id', requestId);
    res.setHeader('traceparent', traceparent);
    res.setHeader('x-content-type-options', 'nosniff');
    res.once('close', () => {
      if (!res.writableFinished) exchange.abort();
      observe(exchange.context, req, res, Number(process.hrtime.bigint() - started) / 1e9);
    });
    next();
  };
}

/** The context of a request that came through `requestContext`, which is the first handler of the app. */
export function contextOf(res: Response): RequestContext {
  return res.locals['context'] as RequestContext;
}

/** Some proxies name the client with its port. */
const WITH_PORT = /^(?:\[(.+)\]|([\d.]+))(?::\d+)?$/;

/** The client's address: of the connection, or where that is a trusted proxy what it says in `X-Forwarded-For`. */
export function addressOf({ ip = '' }: Pick<Request, 'ip'>): string {
  const [, v6, v4] = WITH_PORT.exec(ip) ?? [];
  const address = v6 ?? v4 ?? ip;
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}

function validRequestId(given: string | undefined): string | undefined {
  return given !== undefined && REQUEST_ID.test(given) ? given : undefined;
}

/** The caller's trace with a span of our own, or a new trace where none, or an invalid one, came in. */
function continueTrace(given: string | undefined, randomHex: (bytes: number) => string): string {
  const [, traceId, flags] = given === undefined ? [] : (TRACEPARENT.exec(given) ?? []);
  return `00-${traceId ?? randomHex(16)}-${randomHex(8)}-${flags ?? '00'}`;
}

/** The logger and the signal are made when they are first asked for: most requests never do, and together they cost 10 µs. */
function lazyContext(
  log: Logger,
  requestId: string,
  traceparent: string,
): { context: RequestContext; abort(): void } {
  let child: Logger | undefined;
  let gone: AbortController | undefined;
  let aborted = false;
  return {
    context: {
      requestId,
      traceparent,
      route: 'unmatched',
      principal: ANONYMOUS,
      failedSignIn: null,
      keyCaller: ANONYMOUS.caller,
      admitAgain: () => Promise.resolve(),
      get log() {
        return (child ??= log.child({ requestId, traceparent }));
      },
      get signal() {
        gone ??= new AbortController();
        if (aborted) gone.abort();
        return gone.signal;
      },
    },
    abort() {
      aborted = true;
      gone?.abort();
    },
  };
}

const RANDOM_POOL_BYTES = 4_096;

/** Hexadecimal digits of so many random bytes, out of a pool: the system is asked once for many. */
function createRandomHex(): (bytes: number) => string {
  const pool = Buffer.alloc(RANDOM_POOL_BYTES);
  let at = pool.length;
  return (bytes) => {
    if (at + bytes > pool.length) {
      randomFillSync(pool);
      at = 0;
    }
    at += bytes;
    return pool.toString('hex', at - bytes, at);
  };
}
