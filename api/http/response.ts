import type { Response } from 'express';
import { exactJson } from '../../platform/exact';
import { notFound, retryAfter, toProblem, type Problem, type ProblemCode } from './problems';

/** What a route returns. A status of 400 or above carries a problem document. */
export interface ApiResponse {
  status: number;
  body: unknown;
  /** Instead of `body`, as text. */
  json?: string;
  headers?: Readonly<Record<string, string>>;
  /** Default: JSON, or a problem document from 400 on. */
  contentType?: string;
}

/** 200 with JSON that is text already. */
export function okJson(json: string): ApiResponse {
  return { status: 200, body: undefined, json };
}

export function ok(body: unknown): ApiResponse {
  return { status: 200, body };
}

/** It is done, and there is nothing to say. */
export const NO_CONTENT: ApiResponse = { status: 204, body: undefined };

/** With a secret, or what was encrypted: no cache is to keep it. */
export function withSecret(status: 200 | 201, body: object): ApiResponse {
  return { status, body, headers: { 'cache-control': 'no-store' } };
}

/** 200 with a thing that was read. @throws AppError `NOT_FOUND` with this detail where there is none */
export function okOrNotFound(found: object | null | undefined, detail: string): ApiResponse {
  if (!found) throw notFound(detail);
  return ok(found);
}

/** Most bodies have nothing in them that is not a plain number: a replacer for each member would take twice as long. */
function textOf(body: unknown): string {
  try {
    return JSON.stringify(body);
  } catch {
    return exactJson(body);
  }
}

/** How to sign in (RFC 9110, section 11.6.1). Browsers know neither, and so ask nobody for a password. */
const CHALLENGE = 'Bearer realm="holdfast", ApiKey realm="holdfast"';

/** Signatures of third parties are none of these. */
const UNSIGNED: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'NOT_SIGNED_IN',
  'SIGN_IN_FAILED',
  'SESSION_ENDED',
]);

/** What a client is to ask its provider for (RFC 9470). */
function stepUp({ maxAge }: Problem): string {
  return `Bearer realm="holdfast", error="insufficient_user_authentication", max_age="${String(maxAge)}"`;
}

/** A problem as a response, so that it can be stored under an idempotency key. */
export function problemResponse(error: unknown, requestId: string): ApiResponse & { body: Problem } {
  const body = toProblem(error, requestId);
  const seconds = retryAfter(body);
  return {
    status: body.status,
    body,
    headers: {
      ...(seconds === undefined ? {} : { 'retry-after': String(seconds) }),
      ...(UNSIGNED.has(body.code) ? { 'www-authenticate': CHALLENGE } : {}),
      ...(body.code === 'SIGN_IN_NOT_RECENT' ? { 'www-authenticate': stepUp(body) } : {}),
    },
  };
}

export function send(res: Response, response: ApiResponse): void {
  res.status(response.status);
  for (const [name, value] of Object.entries(response.headers ?? {})) res.setHeader(name, value);
  if (response.json !== undefined) {
    // Past `res.send`, which would copy it into a buffer first, to be written apart from the headers.
    res.setHeader('content-type', 'application/json; charset=utf-8');
    const bytes = Buffer.byteLength(response.json);
    res.setHeader('content-length', bytes);
    // Nothing but ASCII needs no encoding.
    res.end(response.json, bytes === response.json.length ? 'latin1' : 'utf8');
    return;
  }
  res.type(
    response.contentType ?? (response.status >= 400 ? 'application/problem+json' : 'application/json'),
  );
  res.send(textOf(response.body));
}
