import { randomFillSync } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { ANONYMOUS, type Principal } from '../../domain/identity/types';
import type { AppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { formatTraceparent, parseTraceparent, runIn } from '../../platform/telemetry/context';
import { loggerOf, type Logger } from '../../platform/telemetry/log';
import { NO_TRACER, type Span, type Tracer } from '../../platform/telemetry/tracer';
import type { ProblemCode } from './problems';

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
  /** The code of the problem that it got as its response; null: none. */
  problem: ProblemCode | null;
  /** Whose idempotency key the request has: the caller of the principal, or of what it has adopted. */
  keyCaller: string;
  /** Asks again whether they may: of responses that go on for long. @throws AppError as the first time */
  admitAgain(): Promise<void>;
}

const REQUEST_ID = /^[\w.:@/+=-]{1,128}$/;

/**
 * Gives every request its context, and a span where there is a tracer; `observe` is called once, when the exchange is over.
 *
 * @param continuesTrace whether the caller's `traceparent` is continued, with what it says of recording. Of others the request is a trace
 *   of its own, which links theirs: strangers do not decide what is recorded
 */
export function requestContext(
  log: Logger,
  observe: (context: RequestContext, req: Request, res: Response, seconds: number) => void,
  { tracer = NO_TRACER, continuesTrace }: { tracer?: Tracer; continuesTrace: (req: Request) => boolean },
): RequestHandler {
  const randomHex = createRandomHex();
  return (req, res, next) => {
    const started = process.hrtime.bigint();
    const requestId = validRequestId(req.get('x-request-id')) ?? newId();
    const given = req.get('traceparent');
    const span = tracer.isOn ? beginSpan(tracer, req, { given, continues: continuesTrace(req) }) : null;
    const traceparent = span?.traceparent ?? continueTrace(given, randomHex);
    const exchange = lazyContext(log, requestId, traceparent);
    res.locals['context'] = exchange.context;
    res.setHeader('x-request-id', requestId);
    res.setHeader('traceparent', traceparent);
    res.setHeader('x-content-type-options', 'nosniff');
    res.once('close', () => {
      if (!res.writableFinished) exchange.abort();
      observe(exchange.context, req, res, Number(process.hrtime.bigint() - started) / 1e9);
      if (span) endSpan(span, exchange.context, req, res);
    });
    runIn({ trace: span?.traceparent, fields: fieldsOf(requestId, traceparent) }, next);
  };
}

function beginSpan(
  tracer: Tracer,
  req: Request,
  { given, continues }: { given: string | undefined; continues: boolean },
): Span {
  // One that is not valid begins a new trace.
  const caller = parseTraceparent(given) && given;
  return tracer.begin(req.method, {
    kind: 'server',
    parent: continues ? caller : undefined,
    links: continues || caller === undefined ? [] : [caller],
    attributes: { 'http.request.method': req.method },
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

function fieldsOf(requestId: string, traceparent: string): Readonly<Record<string, string>> {
  return { requestId, traceId: traceparent.slice(3, 35) };
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
  const { traceId = randomHex(16), flags = 0 } = parseTraceparent(given) ?? {};
  return formatTraceparent({ traceId, spanId: randomHex(8), flags });
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
      problem: null,
      keyCaller: ANONYMOUS.caller,
      admitAgain: () => Promise.resolve(),
      get log() {
        return (child ??= loggerOf(log, fieldsOf(requestId, traceparent)));
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
