import type { Request, Response } from 'express';
import { z } from 'zod';
import { invalid, type FieldError, type ProblemCode, notFound } from './problems';
import type { LimitClass } from './limit-classes';
import { lenientObjects } from './strictness';
import type { Access } from './access';
import { contextOf, type RequestContext } from './request-context';
import type { ApiResponse } from './response';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/** One possible response of a route, for the description. */
export interface DocumentedResponse {
  description: string;
  /** Of a JSON body. */
  schema?: z.ZodType;
  /** Instead of `schema`: by media type. */
  content?: Readonly<Record<string, z.ZodType>>;
}

/** Who may send a body. Both throw what refuses the request. */
export interface Authentication {
  /** By the address and the headers alone, before a byte of the body is read. */
  beforeBody(req: Request): void;
  /** By the body as it was sent, before anything of it is parsed. */
  ofBody(req: Request, body: Buffer): void;
}

/** What the description of the API is made of. */
export interface RouteDocs {
  /** PUT and POST may share one handler. */
  methods: readonly [Method, ...Method[]];
  /** As in OpenAPI: `/orders/{id}`. */
  path: string;
  /** Who may call it. */
  access: Access;
  tag: string;
  summary: string;
  description?: string;
  responses: Readonly<Record<number, DocumentedResponse>>;
  problems?: readonly ProblemCode[];
  /** Takes an `Idempotency-Key`. */
  keyed?: boolean;
  /** Media types of a body that the handler reads itself, as it comes. */
  upload?: readonly string[];
  /** May be called without a body. */
  bodyOptional?: boolean;
  /** Of a route with a JSON body. A route that has it describes the headers that it looks at. */
  authenticate?: Authentication;
  headers?: z.ZodObject;
  /**
   * What a third party sends, by a contract of its own: it may add members and parameters at any time, and stops sending to an address
   * that refuses them. Those that are not known are left out.
   */
  isLenient?: boolean;
  /** Bytes a body may have, where that is more than usual. */
  bodyLimitBytes?: number;
  /** By which limit of requests its callers are held. Unless given by its methods; null: by none. */
  limit?: LimitClass | null;
}

export interface RouteSchemas {
  params: z.ZodObject;
  query: z.ZodObject;
  body: z.ZodType;
}

/** A request whose every part was validated by the schemas that also describe it. */
export interface Call<S extends RouteSchemas> extends Omit<
  RequestContext,
  'failedSignIn' | 'problem' | 'callerRequestId' | 'joinTrace'
> {
  params: z.output<S['params']>;
  query: z.output<S['query']>;
  body: z.output<S['body']>;
  /** The JSON as it was sent. */
  receivedBody: unknown;
  /** Of the principal: who makes and changes what the request makes and changes. */
  caller: string;
  idempotencyKey: string | null;
  req: Request;
  res: Response;
}

/** A route as the app mounts it and as OpenAPI describes it: one table for both. */
export interface Route extends RouteDocs {
  schemas: Partial<RouteSchemas>;
  /** Null: the handler has responded by itself. */
  handle(req: Request, res: Response): Promise<ApiResponse | null>;
}

const NOTHING = z.strictObject({});
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * Binds a handler to its schemas. A path that does not fit is a thing that does not exist (404); a query or body that does
 * not fit breaks a rule (422). So does a member or parameter that is not known: misspelt, it would be taken as if it were absent.
 *
 * @throws Error where an object of the body takes any member, and the route is not lenient
 */
export function route<
  P extends z.ZodObject = typeof NOTHING,
  Q extends z.ZodObject = typeof NOTHING,
  B extends z.ZodType = typeof NOTHING,
>(
  docs: RouteDocs & { params?: P; query?: Q; body?: B },
  handle: (call: Call<{ params: P; query: Q; body: B }>) => Promise<ApiResponse | null>,
): Route {
  const { params, query, body, ...described } = docs;
  const lenient = body && !docs.isLenient ? lenientObjects(body) : [];
  if (lenient.length > 0) throw new Error(`${docs.path} takes unknown members: ${lenient.join(', ')}`);
  const known = query ?? NOTHING;
  const queryOf = docs.isLenient ? known.loose() : known.strict();
  return {
    ...described,
    schemas: { params, query, body },
    handle(req, res) {
      const context = contextOf(res);
      const receivedBody = givenBody(req, docs);
      const call: Call<{ params: P; query: Q; body: B }> = {
        requestId: context.requestId,
        traceparent: context.traceparent,
        route: context.route,
        principal: context.principal,
        keyCaller: context.keyCaller,
        admitAgain: context.admitAgain,
        // These are made when they are first asked for, which most reads never do.
        get log() {
          return context.log;
        },
        get signal() {
          return context.signal;
        },
        params: parsePath(params ?? NOTHING, req.params) as z.output<P>,
        query: parse(queryOf, req.query) as z.output<Q>,
        receivedBody,
        body: parse(body ?? NOTHING, receivedBody) as z.output<B>,
        caller: context.principal.caller,
        idempotencyKey: idempotencyKey(req),
        req,
        res,
      };
      return handle(call);
    },
  };
}

/** A route without a body takes an empty one. */
function givenBody(req: Request, { body, bodyOptional }: RouteDocs & { body?: z.ZodType }): unknown {
  const given: unknown = req.body;
  if (body) return given === undefined && bodyOptional ? {} : given;
  return given ?? {};
}

function parsePath(schema: z.ZodType, given: unknown): unknown {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw notFound('There is nothing at this address.');
}

function parse(schema: z.ZodType, given: unknown): unknown {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.flatMap(asFieldErrors));
}

/** Members that are not known are each named by their own path; of alternatives, by the one that fits best. */
function asFieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code === 'invalid_union') {
    const [closest] = [...issue.errors]
      .sort((a, b) => unknownOf(a) - unknownOf(b) || a.length - b.length)
      .map((errors) =>
        errors.flatMap((error) => asFieldErrors({ ...error, path: [...issue.path, ...error.path] })),
      );
    if (closest?.some(({ message }) => message === NOT_KNOWN)) return closest;
  }
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...issue.path, key].join('.'), message: NOT_KNOWN }));
  return [asFieldError(issue)];
}

const NOT_KNOWN = 'is not known here';

/** How many members an alternative does not know: one that knows those that were given is meant. */
function unknownOf(errors: readonly z.core.$ZodIssue[]): number {
  return errors.reduce(
    (sum, error) =>
      sum + (error.code === 'unrecognized_keys' && error.path.length === 0 ? error.keys.length : 0),
    0,
  );
}

function asFieldError(issue: z.core.$ZodIssue): FieldError {
  return { path: issue.path.join('.'), message: issue.message };
}

/** The `Idempotency-Key` of a request, null where it has none. @throws AppError `VALIDATION_FAILED` */
export function idempotencyKey(req: Request): string | null {
  const given = req.get('idempotency-key');
  if (given === undefined) return null;
  if (IDEMPOTENCY_KEY.test(given)) return given;
  throw invalid([{ path: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' }]);
}
