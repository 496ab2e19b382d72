import type { RequestHandler } from 'express';
import { API_BASE } from './paths';

const SHORT = /^\/(?:orders|jobs|downloads|ws)(?=[/?]|$)/;

/** Orders, jobs and their files, and the WebSocket, also have addresses without the prefix of the API. */
export function shortAddresses(): RequestHandler {
  return (req, _res, next) => {
    if (SHORT.test(req.url)) req.url = `${API_BASE}${req.url}`;
    next();
  };
}
