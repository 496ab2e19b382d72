import express, { type Request, type RequestHandler } from 'express';
import { problem } from './problems';
import type { Authentication, Route } from './route';
import { hasBody } from './unread-body';

const BODY_LIMIT_BYTES = 1_048_576;
const JSON_TYPES = ['application/json', 'application/*+json'];

/** Refuses by the headers who may not send a body. */
export function senderOf({ authenticate }: Route): readonly RequestHandler[] {
  if (!authenticate) return [];
  return [
    (req, _res, next) => {
      authenticate.beforeBody(req);
      next();
    },
  ];
}

/** Ends a request whose body does not arrive in time. Uploads are limited by `upload.ts` instead. */
export function readInTime(seconds: number): RequestHandler {
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

/** What reads the body of a route. */
export function bodyOf({ authenticate, bodyLimitBytes, schemas, methods }: Route): readonly RequestHandler[] {
  // Of another media type it is not looked at.
  if (!schemas.body) return methods.every((method) => method === 'get') ? [] : [readJson(BODY_LIMIT_BYTES)];
  return authenticate ? authenticatedBody(authenticate, bodyLimitBytes) : jsonBody(bodyLimitBytes);
}

/** As `jsonBody`, but what was sent is authenticated before anything is said or read of it. */
function authenticatedBody(
  authenticate: Authentication,
  limit = BODY_LIMIT_BYTES,
): readonly RequestHandler[] {
  return [
    // Not inflated: what nobody has signed would grow in memory.
    express.raw({ limit, inflate: false, type: () => true }),
    (req, _res, next) => {
      const sent: unknown = req.body;
      const bytes = Buffer.isBuffer(sent) ? sent : Buffer.alloc(0);
      authenticate.ofBody(req, bytes);
      expectJson(req);
      req.body = bytes.length === 0 ? undefined : parsedJson(bytes);
      next();
    },
  ];
}

function parsedJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw problem('MALFORMED_JSON', 'The body is not valid JSON.');
  }
}

function expectJson(req: Request): void {
  // null, or a length of zero: there is no body at all, which the schema checks.
  if (req.get('content-length') !== '0' && req.is(JSON_TYPES) === false) {
    throw problem('UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json.');
  }
}

function jsonBody(limit = BODY_LIMIT_BYTES): readonly RequestHandler[] {
  return [
    (req, _res, next) => {
      expectJson(req);
      next();
    },
    readJson(limit),
  ];
}

/** Not strict: a body that is JSON but no object breaks a rule (422) and is not malformed (400). */
function readJson(limit: number): RequestHandler {
  return express.json({ limit, strict: false, type: JSON_TYPES });
}
