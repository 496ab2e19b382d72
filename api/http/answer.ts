import type { Response } from 'express';
import { retryAfter, toProblem, type Problem } from './problems';

/** What a route answers. A status of 400 or above carries a problem document. */
export interface Answer {
  status: number;
  body: unknown;
  /** Instead of `body`, as text. */
  json?: string;
  headers?: Readonly<Record<string, string>>;
  /** Default: JSON, or a problem document from 400 on. */
  contentType?: string;
}

/** 200 with JSON that is text already. */
export function okJson(json: string): Answer {
  return { status: 200, body: undefined, json };
}

export function ok(body: unknown): Answer {
  return { status: 200, body };
}

/** A problem as an answer, so that it can be stored under an idempotency key. */
export function problemAnswer(error: unknown, requestId: string): Answer & { body: Problem } {
  const body = toProblem(error, requestId);
  const seconds = retryAfter(body);
  return {
    status: body.status,
    body,
    headers: seconds === undefined ? {} : { 'retry-after': String(seconds) },
  };
}

export function send(res: Response, answer: Answer): void {
  res.status(answer.status);
  for (const [name, value] of Object.entries(answer.headers ?? {})) res.setHeader(name, value);
  if (answer.json !== undefined) {
    // Past `res.send`, which would copy it into a buffer first, to be written apart from the headers.
    res.setHeader('content-type', 'application/json; charset=utf-8');
    const bytes = Buffer.byteLength(answer.json);
    res.setHeader('content-length', bytes);
    // Nothing but ASCII needs no encoding.
    res.end(answer.json, bytes === answer.json.length ? 'latin1' : 'utf8');
    return;
  }
  res.type(answer.contentType ?? (answer.status >= 400 ? 'application/problem+json' : 'application/json'));
  res.send(JSON.stringify(answer.body));
}
