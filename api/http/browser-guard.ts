import type { Request, RequestHandler, Response } from 'express';
import type { Settings } from '../../platform/config';
import { isHostServed } from '../../platform/loopback';
import { CODEC_BASE } from './paths';
import { problem } from './problems';

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];
/** Asked by what watches processes, by the address of a machine or a container. They tell nothing that is worth a page's while. */
const PROBES = ['/health', '/ready'];

/** What a page of a listed origin may send. */
const CORS_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const CORS_HEADERS = [
  'Accept',
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'If-Match',
  'Last-Event-ID',
  'X-Api-Key',
  'X-Request-Id',
  'traceparent',
  // Of Temporal's web UI.
  'X-Namespace',
].join(', ');
/** What it may read, beside the body. */
const CORS_EXPOSED = [
  'Allow',
  'Content-Disposition',
  'ETag',
  'Idempotency-Replayed',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'WWW-Authenticate',
  'X-Holdfast-Request-Id',
  'X-Request-Id',
  'traceparent',
].join(', ');
/** As long as browsers keep it: at most two hours. */
const PREFLIGHT_SECONDS = 7_200;

/**
 * Refuses what a page of another site lets the browser of somebody send who reaches the API: a POST without a body needs no preflight, and
 * a name can be made to point here. Pages of listed origins may call it. Clients that are no browsers send none of these headers, and
 * are not affected.
 *
 * @throws `BAD_REQUEST`, `HOST_NOT_SERVED`, `CROSS_SITE_REQUEST`
 */
export function browserGuard({
  HOST,
  ALLOWED_HOSTS,
  ALLOWED_ORIGINS,
  TEMPORAL_UI_ORIGINS,
}: Pick<Settings, 'HOST' | 'ALLOWED_HOSTS' | 'ALLOWED_ORIGINS' | 'TEMPORAL_UI_ORIGINS'>): RequestHandler {
  const origins = new Set(ALLOWED_ORIGINS);
  const originsOfCodec = new Set(TEMPORAL_UI_ORIGINS);
  return (req, res, next) => {
    const { host, origin } = req.headers;
    if (host === undefined && req.httpVersion === '1.1')
      throw problem('BAD_REQUEST', 'The request has no Host.');
    if (!PROBES.includes(req.path) && !isHostServed(host, { listensOn: HOST, allowed: ALLOWED_HOSTS }))
      throw problem('HOST_NOT_SERVED', 'This name of the host is not served here.');
    // Payloads of workflows are for Temporal's pages alone, and nothing else is.
    const listed = req.path.startsWith(`${CODEC_BASE}/`) ? originsOfCodec : origins;
    if (listed.size > 0) res.vary('Origin');
    if (origin !== undefined && listed.has(origin)) {
      admit(res, origin);
      if (isPreflight(req)) respondToPreflight(res);
      else next();
      return;
    }
    if (isOfAnotherSite(req))
      throw problem('CROSS_SITE_REQUEST', 'Pages of this origin may not call the API.');
    next();
  };
}

/** Without credentials: a page signs in by headers, never by cookies. */
function admit(res: Response, origin: string): void {
  res.setHeader('access-control-allow-origin', origin);
  res.setHeader('access-control-expose-headers', CORS_EXPOSED);
  // Else the page could not read it where the browser embeds it.
  res.setHeader('cross-origin-resource-policy', 'cross-origin');
}

function isPreflight({ method, headers }: Request): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
}

function respondToPreflight(res: Response): void {
  res.setHeader('access-control-allow-methods', CORS_METHODS);
  res.setHeader('access-control-allow-headers', CORS_HEADERS);
  res.setHeader('access-control-max-age', PREFLIGHT_SECONDS);
  res.status(204).end();
}

/** Of an origin that is not ours. What a link or an image of another page gets, without an origin, that page cannot read. */
function isOfAnotherSite(req: Request): boolean {
  const { origin, 'sec-fetch-site': site } = req.headers;
  // Of the browser itself, also where a proxy has changed the Host.
  if (site === 'same-origin' || site === 'none') return false;
  if (site !== undefined && !SAFE_METHODS.includes(req.method)) return true;
  return origin !== undefined && !isSameHost(origin, req.host);
}

/** The scheme is left out: a proxy may have taken the encryption away. A port that is the scheme's own need not be named. */
function isSameHost(origin: string, host: string | undefined): boolean {
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  const here = `${url.protocol}//${host ?? ''}`;
  return host !== undefined && URL.canParse(here) && new URL(here).host === url.host;
}
