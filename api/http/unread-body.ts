import type { Request, RequestHandler } from 'express';

/** For what is on its way already when the response is sent. */
const REST_MS = 1_000;

/**
 * Ends the connection of a client that has its response and goes on sending: of a request that was refused by its address or its headers
 * nobody reads the body.
 */
export function cutUnreadBody(): RequestHandler {
  return (req, res, next) => {
    if (hasBody(req))
      res.once('finish', () => {
        if (req.complete) return;
        setTimeout(() => {
          if (!req.complete) req.socket.destroy();
        }, REST_MS).unref();
      });
    next();
  };
}

export function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}
