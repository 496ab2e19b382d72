import { randomFillSync } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { ANONYMOUS, type Principal } from '../../domain/identity/types';
import type { AppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import {
  formatTraceparent,
  parseTraceparent,
  runIn,
  type TelemetryContext,
} from '../../platform/telemetry/context';
import { loggerOf, type Logger } from '../../platform/telemetry/log';
import { NO_TRACER, type Span, type Tracer } from '../../platform/telemetry/tracer';
import type { ProblemCode } from './problems';

/** What goes with a request from its arrival to its last log line. */
export interface RequestContext {
  /** Made here, whatever the caller sends: it is in the audit log, and nobody chooses what stands there. */
  requestId: string;
  /** The caller's own `X-Request-Id`; null: none, or one that is too long or has other characters. For log lines only. */
  callerRequestId: string | null;
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
  /** The code of the problem that it got as its response; null: none. */
  problem: ProblemCode | null;
  /** Whose idempotency key the request has: the caller of the principal, or of what it has adopted. */
  keyCaller: string;
  /** Begins the request's trace, which continues the caller's where that is trusted; null: it has begun. Use `joinTrace`. */
  joinTrace(isTrusted: boolean): Partial<TelemetryContext> | null;
  /** Asks again whether they may: of responses that go on for long. @throws AppError as the first time */
  admitAgain(): Promise<void>;
}

const REQUEST_ID = /^[\w.:@/+=-]{1,128}$/;
/** Where a response has the id that Holdfast gave its request; `X-Request-Id` is the caller's, where there is one. */
const OWN_ID_HEADER = 'x-holdfast-request-id';

/**
 * Gives every request its context, and a span where there is a tracer; `observe` is called once, when the exchange is over.
 *
 * A caller's `traceparent` is continued, with what it says of recording, only where `joinTrace` is told that the caller is trusted. Of
 * others the request is a trace of its own, which links theirs: strangers do not decide what is recorded.
 *
 * @param mayBeTrusted whether who sends this may turn out to be trusted: the trace of the request then begins with `joinTrace`, at the
 *   latest when the exchange is over
 */
export function requestContext(
  log: Logger,
  observe: (context: RequestContext, req: Request, res: Response, seconds: number) => void,
  { tracer = NO_TRACER, mayBeTrusted }: { tracer?: Tracer; mayBeTrusted: (req: Request) => boolean },
): RequestHandler {
  const randomHex = createRandomHex();
  return (req, res, next) => {
    const started = process.hrtime.bigint();
    const requestId = newId();
    const callerRequestId = validRequestId(req.get('x-request-id')) ?? null;
    const given = callersTrace(req);
    const isDecidedLater = given !== undefined && mayBeTrusted(req);
    const startedAt = isDecidedLater ? Date.now() : undefined;
    let span: Span | null = null;
    const exchange = lazyContext(log, { requestId, callerRequestId }, (isTrusted) => {
      if (tracer.isOn) span = beginSpan(tracer, req, { given, isTrusted, startedAt });
      const traceparent = span?.traceparent ?? ownTrace(isTrusted ? given : undefined, randomHex);
      if (!res.headersSent) res.setHeader('traceparent', traceparent);
      return { traceparent, spanned: span?.traceparent };
    });
    res.locals['context'] = exchange.context;
    res.setHeader('x-request-id', callerRequestId ?? requestId);
    res.setHeader(OWN_ID_HEADER, requestId);
    res.setHeader('x-content-type-options', 'nosniff');
    res.once('close', () => {
      if (!res.writableFinished) exchange.abort();
      exchange.context.joinTrace(false);
      observe(exchange.context, req, res, Number(process.hrtime.bigint() - started) / 1e9);
      if (span) endSpan(span, exchange.context, req, res);
    });
    runIn({ fields: exchange.fields }, () => (isDecidedLater ? next() : joinTrace(res, false, next)));
  };
}

/**
 * Runs the rest of a request as part of its trace, which begins here unless it has begun.
 *
 * @param isTrusted the caller's trace is continued
 */
export function joinTrace(res: Response, isTrusted: boolean, rest: () => void): void {
  const trace = contextOf(res).joinTrace(isTrusted);
  if (trace) runIn(trace, rest);
  else rest();
}

/** Undefined: there is none, or it is not valid. */
function callersTrace(req: Request): string | undefined {
  const given = req.get('traceparent');
  return parseTraceparent(given) && given;
}

function beginSpan(
  tracer: Tracer,
  req: Request,
  {
    given,
    isTrusted,
    startedAt,
  }: { given: string | undefined; isTrusted: boolean; startedAt: number | undefined },
): Span {
  return tracer.begin(req.method, {
    kind: 'server',
    parent: isTrusted ? given : undefined,
    links: isTrusted || given === undefined ? [] : [given],
    attributes: { 'http.request.method': req.method },
    startedAt,
  });
}

function endSpan(
  span: Span,
  { route, requestId, problem }: RequestContext,
  req: Request,
  res: Response,
): void {
  span.rename(`${req.method} ${route}`);
  const attributes = {
    'http.route': route,
    'http.response.status_code': res.statusCode,
    requestId,
    ...(problem === null ? {} : { 'holdfast.code': problem }),
  };
  span.end(attributes, res.statusCode >= 500 ? (problem ?? 'failed') : undefined);
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

/** The given trace with a span of our own, or a new trace. */
function ownTrace(given: string | undefined, randomHex: (bytes: number) => string): string {
  const { traceId = randomHex(16), flags = 0 } = parseTraceparent(given) ?? {};
  return formatTraceparent({ traceId, spanId: randomHex(8), flags });
}

/** The logger and the signal are made when they are first asked for: most requests never do, and together they cost 10 µs. */
function lazyContext(
  log: Logger,
  { requestId, callerRequestId }: Pick<RequestContext, 'requestId' | 'callerRequestId'>,
  beginTrace: (isTrusted: boolean) => { traceparent: string; spanned: string | undefined },
): {
  context: RequestContext;
  fields: Readonly<Record<string, string>>;
  abort(): void;
} {
  let child: Logger | undefined;
  let gone: AbortController | undefined;
  let aborted = false;
  let trace: ReturnType<typeof beginTrace> | undefined;
  const fields = { requestId, ...(callerRequestId === null ? {} : { callerRequestId }) };

  return {
    context: {
      requestId,
      callerRequestId,
      route: 'unmatched',
      principal: ANONYMOUS,
      failedSignIn: null,
      problem: null,
      keyCaller: ANONYMOUS.caller,
      admitAgain: () => Promise.resolve(),
      joinTrace(isTrusted) {
        if (trace) return null;
        trace = beginTrace(isTrusted);
        return { trace: trace.spanned, fields: { traceId: traceIdOf(trace.traceparent) } };
      },
      get traceparent() {
        trace ??= beginTrace(false);
        return trace.traceparent;
      },
      get log() {
        return (child ??= loggerOf(log, { ...fields, traceId: traceIdOf(this.traceparent) }));
      },
      get signal() {
        gone ??= new AbortController();
        if (aborted) gone.abort();
        return gone.signal;
      },
    },
    fields,
    abort() {
      aborted = true;
      gone?.abort();
    },
  };
}

function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
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
