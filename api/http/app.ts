import express, {
  type ErrorRequestHandler,
  type Express,
  type IRouter,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import swaggerUi from 'swagger-ui-express';
import { z } from 'zod';
import type { Settings } from '../../platform/config';
import type { Database } from '../../platform/database/database';
import { isAppError } from '../../platform/errors';
import type { Logger } from '../../platform/telemetry/log';
import type { Tracer } from '../../platform/telemetry/tracer';
import {
  expectAdmitted,
  expectSignedInStill,
  identify,
  looksAtCredentials,
  OPERATIONS,
  sendsSecret,
  tracesCalls,
  type AccessControl,
} from './access';
import type { AccessLog } from './access-log';
import { createBadCredentials, type BadCredentials } from './bad-credentials';
import { bodyOf, readInTime, senderOf } from './body';
import { browserGuard } from './browser-guard';
import { createLimits, type LimitSettings } from './limits';
import { describeApi, type OpenApiDocument } from './openapi';
import { isProblemCode, problem, notFound, type ProblemCode } from './problems';
import { addressOf, contextOf, joinTrace, requestContext, type RequestContext } from './request-context';
import { send, problemResponse } from './response';
import { idempotencyKey, route, type Route } from './route';
import { dataHeaders, docsHeaders } from './security-headers';
import { shortAddresses } from './short-addresses';
import { cutUnreadBody } from './unread-body';
import { untrustedProxyWarning } from './untrusted-proxy';

/** The status in metrics of an exchange whose client left before the response. */
const CLIENT_GONE = 499;

/** What the HTTP application works with. */
export interface AppContext {
  settings: LimitSettings &
    Pick<
      Settings,
      | 'REQUEST_BODY_SECONDS'
      | 'HOST'
      | 'ALLOWED_HOSTS'
      | 'ALLOWED_ORIGINS'
      | 'TEMPORAL_UI_ORIGINS'
      | 'TRUSTED_PROXIES'
      | 'LIMIT_BAD_CREDENTIALS'
    >;
  log: Logger;
  db: Pick<Database, 'runFor'>;
  access: AccessControl;
  metrics: {
    /** Counts one exchange by route template and status, with its duration in seconds. */
    request(labels: { method: string; route: string; status: number }, seconds: number): void;
    /** Counts a response that is a problem. */
    problem(code: ProblemCode): void;
    /** Counts a request whose `X-Forwarded-For` is not believed. */
    untrustedForward(): void;
  };
  tracer: Tracer;
  accessLog: AccessLog;
}

/** The HTTP application over these routes: the same table is mounted and described, the latter when it is first asked for. */
export function createApp(context: AppContext, served: readonly Route[]): Express {
  let described: OpenApiDocument | undefined;
  const document = () => (described ??= describeApi(routes, context.access.authenticators));
  const routes: readonly Route[] = [...served, descriptionRoute(document)];

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // One spelling for each address: a proxy that keeps /metrics to the inside compares it letter by letter.
  app.enable('case sensitive routing');
  app.enable('strict routing');
  const { TRUSTED_PROXIES: proxies } = context.settings;
  app.set('trust proxy', proxies.length > 0 ? proxies : false);
  app.use(
    requestContext(context.log, (of, req, res, seconds) => observe(context, of, req, res, seconds), {
      tracer: context.tracer,
      mayBeTrusted: (req) => sendsSecret(context.access, req),
    }),
  );
  app.use(untrustedProxyWarning(context.log, () => context.metrics.untrustedForward()));
  app.use(shortAddresses());
  app.use(dataHeaders(), cutUnreadBody());
  app.use(browserGuard(context.settings));
  const routerOf = prefixRouters(app);
  const readBody = readInTime(context.settings.REQUEST_BODY_SECONDS);
  const limitsOf = createLimits(context.settings);
  const badCredentials = createBadCredentials(context.settings.LIMIT_BAD_CREDENTIALS);
  for (const each of routes) {
    const steps = { limits: limitsOf(each), badCredentials };
    mount(
      routerOf(each.path),
      recordable(context.db, each),
      admissionOf(context.access, each, steps),
      readBody,
    );
  }
  app.use('/docs', docsHeaders(), docsPages(document));
  for (const [path, methods] of methodsByPath(routes)) {
    const { router, prefix } = routerOf(path);
    router.all(expressPath(path.slice(prefix.length)), refuseMethod(methods));
  }
  app.use(() => {
    throw notFound('There is nothing at this address.');
  });
  app.use(respondToError);
  return app;
}

/** The pages of the description, made with the first request. */
function docsPages(document: () => OpenApiDocument): RequestHandler {
  let pages: IRouter | undefined;
  return (req, res, next) => {
    pages ??= express
      .Router()
      .use(
        swaggerUi.serveFiles(document()),
        swaggerUi.setup(document(), { customSiteTitle: 'Holdfast API' }),
      );
    pages(req, res, next);
  };
}

function descriptionRoute(document: () => unknown): Route {
  return route(
    {
      methods: ['get'],
      path: '/openapi.json',
      access: OPERATIONS,
      tag: 'Operations',
      summary: 'This description',
      responses: { 200: { description: 'OpenAPI 3.1', schema: z.looseObject({ openapi: z.string() }) } },
    },
    () => Promise.resolve({ status: 200, body: document() }),
  );
}

/** The router that serves all paths with one prefix. */
interface PrefixRouter {
  router: IRouter;
  /** `/api/v1/orders` of `/api/v1/orders/{id}`. */
  prefix: string;
}

const ROUTER_PREFIX = /^\/api\/v\d+\/[\w-]+/;

/**
 * A router for each prefix: Express tries its routes one after the other, and with a hundred of them in one list that took longer
 * than all the rest of a read.
 */
function prefixRouters(app: Express): (path: string) => PrefixRouter {
  const routers = new Map<string, PrefixRouter>();
  return (path) => {
    const prefix = ROUTER_PREFIX.exec(path)?.[0];
    if (prefix === undefined) return { router: app, prefix: '' };
    const found = routers.get(prefix) ?? { router: express.Router({ caseSensitive: true }), prefix };
    if (!routers.has(prefix)) app.use(prefix, found.router);
    routers.set(prefix, found);
    return found;
  };
}

/** What it changes has this request in the audit log. */
function recordable(db: Pick<Database, 'runFor'>, each: Route): Route {
  if (each.methods.every((method) => method === 'get')) return each;
  return {
    ...each,
    handle(req, res) {
      const { requestId } = contextOf(res);
      return db.runFor({ requestId, address: addressOf(req) }, () => each.handle(req, res));
    },
  };
}

function mount(
  { router, prefix }: PrefixRouter,
  mounted: Route,
  admission: readonly RequestHandler[],
  readBody: RequestHandler,
): void {
  const handle: RequestHandler = async (req, res) => {
    const response = await mounted.handle(req, res);
    if (!response) return;
    if (response.status >= 400) noteProblem(res, response.body);
    send(res, response);
  };
  const steps = [
    nameRoute(mounted.path),
    ...admission,
    ...senderOf(mounted),
    ...(mounted.upload ? [] : [readBody, ...bodyOf(mounted)]),
    handle,
  ];
  const path = expressPath(mounted.path.slice(prefix.length));
  for (const method of mounted.methods) router[method](path, ...steps);
}

/**
 * Finds out who asks, counts the request, and refuses who may not make it, all before anything of the body is read. What is refused is
 * counted too: nobody tries credentials, or ids of what is not theirs, without a limit. Where many bad credentials come from, none are
 * looked up.
 */
function admissionOf(
  control: AccessControl,
  { access }: Route,
  { limits, badCredentials }: { limits: readonly RequestHandler[]; badCredentials: BadCredentials },
): readonly RequestHandler[] {
  return [
    async (req, res, next) => {
      const context = contextOf(res);
      const areGood = looksAtCredentials(control, access, req) ? badCredentials.count(req) : null;
      try {
        context.principal = await identify(control, access, req);
        areGood?.();
      } catch (error) {
        if (!isAppError(error, 'NOT_SIGNED_IN')) {
          areGood?.();
          throw error;
        }
        context.failedSignIn = error;
      }
      joinTrace(res, tracesCalls(context.principal), next);
    },
    ...limits,
    async (req, res, next) => {
      const context = contextOf(res);
      const { principal, failedSignIn } = context;
      if (failedSignIn) throw failedSignIn;
      await expectAdmitted(control, access, principal, req);
      context.admitAgain = async () => {
        const again = await identify(control, access, req);
        await expectAdmitted(control, access, again, req);
        // Keys, and people of a provider, were looked up just now.
        if (again.credential?.kind === 'session') await expectSignedInStill(control, again);
      };
      const key = principal.adoptsAnonymous ? idempotencyKey(req) : null;
      context.keyCaller = key === null ? principal.caller : await control.keyCallerOf(principal, key);
      next();
    },
  ];
}

function nameRoute(path: string): RequestHandler {
  return (_req, res, next) => {
    contextOf(res).route = path;
    next();
  };
}

/** `/orders/{id}` → `/orders/:id`. */
function expressPath(path: string): string {
  return path === '' ? '/' : path.replace(/\{(\w+)\}/g, ':$1');
}

function methodsByPath(routes: readonly Route[]): Map<string, string[]> {
  const byPath = new Map<string, string[]>();
  for (const { path, methods } of routes) {
    const names = methods.map((method) => method.toUpperCase());
    byPath.set(path, [...(byPath.get(path) ?? []), ...names, ...(names.includes('GET') ? ['HEAD'] : [])]);
  }
  return byPath;
}

/** What the response of a request says is wrong, for its metrics, line and span. */
function noteProblem(res: Response, body: unknown): void {
  if (typeof body !== 'object' || body === null || !('code' in body)) return;
  const { code } = body;
  if (typeof code === 'string' && isProblemCode(code)) contextOf(res).problem = code;
}

function refuseMethod(allowed: readonly string[]): RequestHandler {
  return (req, res) => {
    res.setHeader('allow', [...allowed, 'OPTIONS'].join(', '));
    if (req.method !== 'OPTIONS') throw problem('METHOD_NOT_ALLOWED', `Use ${allowed.join(' or ')}.`);
    res.status(204).end();
  };
}

/** Express knows an error handler by its four parameters. */
const respondToError: ErrorRequestHandler = (error: unknown, _req, res, _next) => {
  const context = contextOf(res);
  // Of what is refused before anybody has looked who asks.
  context.joinTrace(false);
  const { log, requestId, signal } = context;
  if (signal.aborted) return;
  const response = problemResponse(error, requestId);
  noteProblem(res, response.body);
  if (response.status === 500) log.error({ err: error }, 'a request failed');
  // Whoever calls can cause it as often as they like; `webhook-authentication.ts` warns of it once a minute.
  else if (response.body.code === 'WEBHOOK_NOT_SET_UP')
    log.debug({ code: response.body.code }, 'a request was turned away');
  else if (response.status > 500)
    log.warn({ err: error, code: response.body.code }, 'a request was turned away');
  if (res.headersSent) res.destroy();
  else send(res, response);
};

function observe(
  { metrics, accessLog }: AppContext,
  context: RequestContext,
  req: Request,
  res: Response,
  seconds: number,
): void {
  // What was upgraded is a request no more.
  const status = res.writableFinished || res.statusCode === 101 ? res.statusCode : CLIENT_GONE;
  const { method } = req;
  const { route, problem: code, principal } = context;
  metrics.request({ method, route, status }, seconds);
  if (code !== null) metrics.problem(code);
  const line = {
    method,
    route,
    status,
    ...(code === null ? {} : { code }),
    milliseconds: Math.round(seconds * 10_000) / 10,
    caller: principal.caller,
  };
  accessLog.line(context, line, req.originalUrl);
}
