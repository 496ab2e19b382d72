import express, {
  type ErrorRequestHandler,
  type Express,
  type IRouter,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import swaggerUi from 'swagger-ui-express';
import { send, problemAnswer } from './answer';
import { describeApi } from './openapi';
import { problem } from './problems';
import { contextOf, requestContext, type RequestContext } from './request-context';
import { route, type Route } from './route';
import type { ApiContext } from '../context';
import { z } from 'zod';

export const BODY_LIMIT_BYTES = 1_048_576;
const JSON_TYPES = ['application/json', 'application/*+json'];
/** What a client gets who left before the answer; only metrics see it. */
const CLIENT_GONE = 499;

/** The HTTP application over these routes: the same table is mounted and described. */
export function createApp(
  context: Pick<ApiContext, 'settings' | 'log' | 'metrics'>,
  served: readonly Route[],
): Express {
  const routes = [...served, descriptionRoute(() => document)];
  const document = describeApi(routes);

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(requestContext(context.log, (of, req, res, seconds) => observe(context, of, req, res, seconds)));
  const routerOf = areaRouters(app);
  const readBody = readInTime(context.settings.REQUEST_BODY_SECONDS);
  for (const each of routes) mount(routerOf(each.path), each, readBody);
  app.use(
    '/docs',
    swaggerUi.serveFiles(document),
    swaggerUi.setup(document, { customSiteTitle: 'Holdfast API' }),
  );
  for (const [path, methods] of methodsByPath(routes)) {
    const { router, prefix } = routerOf(path);
    router.all(expressPath(path.slice(prefix.length)), refuseMethod(methods));
  }
  app.use(() => {
    throw problem('NOT_FOUND', 'There is nothing at this address.');
  });
  app.use(answerError);
  return app;
}

function descriptionRoute(document: () => unknown): Route {
  return route(
    {
      methods: ['get'],
      path: '/openapi.json',
      tag: 'Operations',
      summary: 'This description',
      answers: { 200: { description: 'OpenAPI 3.1', schema: z.looseObject({ openapi: z.string() }) } },
    },
    () => Promise.resolve({ status: 200, body: document() }),
  );
}

/** Where routes of one area are mounted, and what of a path is left there. */
interface Area {
  router: IRouter;
  /** `/api/v1/orders` of `/api/v1/orders/{id}`. */
  prefix: string;
}

const AREA = /^\/api\/v\d+\/[\w-]+/;

/**
 * A router for each area: Express tries its routes one after the other, and with a hundred of them in one list that took longer
 * than all the rest of a read.
 */
function areaRouters(app: Express): (path: string) => Area {
  const areas = new Map<string, Area>();
  return (path) => {
    const prefix = AREA.exec(path)?.[0];
    if (prefix === undefined) return { router: app, prefix: '' };
    const area = areas.get(prefix) ?? { router: express.Router(), prefix };
    if (!areas.has(prefix)) app.use(prefix, area.router);
    areas.set(prefix, area);
    return area;
  };
}

function mount({ router, prefix }: Area, mounted: Route, readBody: RequestHandler): void {
  const handle: RequestHandler = async (req, res) => {
    const answer = await mounted.handle(req, res);
    if (answer) send(res, answer);
  };
  const body = mounted.schemas.body ? jsonBody(mounted.bodyLimitBytes) : [];
  const steps = [nameRoute(mounted.path), ...(mounted.upload ? [] : [readBody]), ...body, handle];
  const path = expressPath(mounted.path.slice(prefix.length));
  for (const method of mounted.methods) router[method](path, ...steps);
}

function nameRoute(path: string): RequestHandler {
  return (_req, res, next) => {
    contextOf(res).route = path;
    next();
  };
}

/** A body that does not come in time is not waited for any longer. Uploads have a patience of their own. */
function readInTime(seconds: number): RequestHandler {
  return (req, res, next) => {
    if (!hasBody(req)) {
      next();
      return;
    }
    const timer = setTimeout(() => {
      if (req.complete) return;
      // What else comes on this connection would be taken for the rest of the body.
      res.setHeader('connection', 'close');
      res.once('finish', () => req.destroy());
      next(problem('REQUEST_TIMEOUT', `The body did not come within ${seconds} s.`));
    }, seconds * 1_000);
    res.once('close', () => {
      clearTimeout(timer);
    });
    next();
  };
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function jsonBody(limit = BODY_LIMIT_BYTES): readonly RequestHandler[] {
  return [
    (req, _res, next) => {
      // null, or a length of zero: there is no body at all, which is for the schema to judge.
      if (req.get('content-length') !== '0' && req.is(JSON_TYPES) === false) {
        throw problem('UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json.');
      }
      next();
    },
    // Not strict: a body that is JSON but no object breaks a rule (422) and is not malformed (400).
    express.json({ limit, strict: false, type: JSON_TYPES }),
  ];
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

function refuseMethod(allowed: readonly string[]): RequestHandler {
  return (req, res) => {
    res.setHeader('allow', [...allowed, 'OPTIONS'].join(', '));
    if (req.method !== 'OPTIONS') throw problem('METHOD_NOT_ALLOWED', `Use ${allowed.join(' or ')}.`);
    res.status(204).end();
  };
}

/** Express knows an error handler by its four parameters. */
const answerError: ErrorRequestHandler = (error: unknown, _req, res, _next) => {
  const { log, requestId, signal } = contextOf(res);
  if (signal.aborted) return;
  const answer = problemAnswer(error, requestId);
  if (answer.status === 500) log.error({ err: error }, 'a request failed');
  else if (answer.status > 500) log.warn({ err: error, code: answer.body.code }, 'a request was turned away');
  if (res.headersSent) res.destroy();
  else send(res, answer);
};

function observe(
  { metrics, log }: Pick<ApiContext, 'log' | 'metrics'>,
  context: RequestContext,
  req: Request,
  res: Response,
  seconds: number,
): void {
  const status = res.writableFinished ? res.statusCode : CLIENT_GONE;
  metrics.request({ method: req.method, route: context.route, status }, seconds);
  if (log.isLevelEnabled('debug'))
    context.log.debug({ method: req.method, url: req.originalUrl, status, seconds }, 'request');
}
