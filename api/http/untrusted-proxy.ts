import type { RequestHandler } from 'express';
import type { Logger } from '../../platform/telemetry/log';

/**
 * Counts requests with an `X-Forwarded-For` that is not believed, of a peer that is none of `TRUSTED_PROXIES`, and warns once in a process.
 * Where that is a proxy, all its clients are one caller to limits: bad credentials of one of them keep everybody out.
 */
export function untrustedProxyWarning(log: Logger, count: () => void): RequestHandler {
  let warned = false;
  return (req, _res, next) => {
    const forwarded = req.get('x-forwarded-for');
    if (forwarded === undefined) {
      next();
      return;
    }
    const { remoteAddress: peer } = req.socket;
    // Of a proxy that is trusted Express takes the client's address out of it, which may be that of the proxy itself.
    const isBelieved = peer === undefined || req.ip !== peer || forwarded.includes(peer);
    if (!isBelieved) count();
    if (!isBelieved && !warned) {
      warned = true;
      log.warn(
        { peer },
        'X-Forwarded-For of a peer that TRUSTED_PROXIES does not name is not believed: if it is your proxy, all its clients share one limit, also that of bad credentials; name it',
      );
    }
    next();
  };
}
