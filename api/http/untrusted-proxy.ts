import type { RequestHandler } from 'express';
import type { Logger } from '../../platform/telemetry/log';

/**
 * Warns, once in a process, of an `X-Forwarded-For` that is not believed. Where a proxy sends it, all its clients are one caller to
 * limits: bad credentials of one of them keep everybody out.
 *
 * @param isTrusted whether a peer with this address is one of `TRUSTED_PROXIES`
 */
export function untrustedProxyWarning(log: Logger, isTrusted: (address: string) => boolean): RequestHandler {
  let warned = false;
  return (req, _res, next) => {
    const { remoteAddress: peer } = req.socket;
    if (!warned && peer !== undefined && req.headers['x-forwarded-for'] !== undefined && !isTrusted(peer)) {
      warned = true;
      log.warn(
        { peer },
        'X-Forwarded-For of a peer that TRUSTED_PROXIES does not name is not believed: if it is your proxy, all its clients share one limit, also that of bad credentials; name it',
      );
    }
    next();
  };
}
