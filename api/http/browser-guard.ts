import type { Request, RequestHandler } from 'express';
import type { Settings } from '../../platform/config';
import { isHostServed } from '../../platform/loopback';
import { problem } from './problems';

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Refuses what a page of another site lets the browser of somebody send who reaches the API. There is no sign-in, and a POST without
 * a body needs no preflight. Clients that are no browsers send none of these headers, and are not affected.
 *
 * @throws `HOST_NOT_SERVED`, `CROSS_SITE_REQUEST`
 */
export function browserGuard({
  HOST,
  ALLOWED_HOSTS,
}: Pick<Settings, 'HOST' | 'ALLOWED_HOSTS'>): RequestHandler {
  return (req, _res, next) => {
    if (!isHostServed(req.headers.host, { listensOn: HOST, allowed: ALLOWED_HOSTS }))
      throw problem('HOST_NOT_SERVED', 'This name of the host is not served here.');
    if (!SAFE_METHODS.includes(req.method) && isOfAnotherSite(req))
      throw problem('CROSS_SITE_REQUEST', 'Pages of other origins may not change anything.');
    next();
  };
}

function isOfAnotherSite({ headers }: Request): boolean {
  const site = headers['sec-fetch-site'];
  // Of the browser itself, also where a proxy has changed the Host.
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const { origin, host } = headers;
  return origin !== undefined && !isSameHost(origin, host ?? '');
}

/** The scheme is left out: a proxy may have taken the encryption away. A port that is the scheme's own need not be named. */
function isSameHost(origin: string, host: string): boolean {
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  const here = `${url.protocol}//${host}`;
  return host !== '' && URL.canParse(here) && new URL(here).host === url.host;
}
