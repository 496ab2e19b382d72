import { OpenAPIRegistry, OpenApiGeneratorV31, type ResponseConfig } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { VERSION } from '../../platform/version';
import { limitClassOf } from './limit-classes';
import type { Access } from './access';
import type { Authenticator } from './authentication';
import { PROBLEMS, type ProblemCode } from './problems';
import type { DocumentedResponse, Method, Route } from './route';

export type OpenApiDocument = ReturnType<OpenApiGeneratorV31['generateDocument']>;

/** The OpenAPI 3.1 description of these routes, made from the very schemas that validate their requests. */
export function describeApi(
  routes: readonly Route[],
  authenticators: readonly Authenticator[],
): OpenApiDocument {
  const registry = new OpenAPIRegistry();
  const schemes = authenticators.map(({ scheme }) => scheme);
  for (const { name, description } of schemes) registerScheme(registry, name, description);
  for (const route of routes) {
    const credentials = authenticators
      .filter(({ onlyFor }) => onlyFor === undefined || 101 in route.responses)
      .map(({ scheme }) => ({ [scheme.name]: [] }));
    for (const method of route.methods) register(registry, route, method, credentials);
  }
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Holdfast',
      version: VERSION,
      description:
        'Durable orders on Temporal and PostgreSQL. Money is in integer minor units, times are RFC 3339 in UTC, errors are ' +
        'RFC 9457 problem documents with a stable `code`. Lists page by `cursor`. `X-Request-Id` is echoed or made; `X-Holdfast-Request-Id`, and `instance` of a problem, is the id that Holdfast gave the request. ' +
        '`RateLimit` tells how many requests of a kind a caller has left in this minute.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
  });
}

const problemSchema = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().meta({ description: 'Stable; switch on this' }),
    instance: z.string().meta({ description: 'The request id' }),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'What is wrong where: the first 1,000' }),
    retryAfter: z.int().optional().meta({
      description:
        'With OVERLOADED and RATE_LIMITED: seconds until your turn to try again, as in Retry-After',
    }),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details' });

const idempotencyKey = z.string().min(1).max(255).optional().meta({
  description: 'The same key and body gives the first answer again, with `Idempotency-Replayed: true`.',
});

function registerScheme(
  registry: OpenAPIRegistry,
  name: string,
  description: Authenticator['scheme']['description'],
): void {
  registry.registerComponent('securitySchemes', name, { ...description, type: description.type });
}

/** Alternatives: any of them is enough. Where none is needed, an empty one says so. */
function securityOf({ rule }: Access, credentials: Record<string, string[]>[]) {
  if (rule === 'public') return [{}, ...credentials];
  return rule === 'roles' ? credentials : [];
}

function register(
  registry: OpenAPIRegistry,
  route: Route,
  method: Method,
  credentials: Record<string, string[]>[],
): void {
  const { params, query } = route.schemas;
  registry.registerPath({
    method,
    path: route.path,
    operationId: operationId(method, route.path),
    tags: [route.tag],
    summary: route.summary,
    description: route.description,
    security: securityOf(route.access, credentials),
    'x-access': route.access,
    request: {
      params,
      query,
      headers: route.keyed ? z.object({ 'Idempotency-Key': idempotencyKey }) : route.headers,
      body: requestBody(route),
    },
    responses: { ...problemResponses(problemsOf(route)), ...documentedResponses(route.responses) },
  });
}

function requestBody(route: Route) {
  const { body } = route.schemas;
  if (body) return { required: !route.bodyOptional, content: { 'application/json': { schema: body } } };
  if (!route.upload) return undefined;
  return {
    required: true,
    content: Object.fromEntries(route.upload.map((type) => [type, { schema: z.string() }])),
  };
}

/** `post /api/v1/orders/{id}/cancel` → `postOrdersIdCancel`. */
function operationId(method: Method, path: string): string {
  const words = path.replace('/api/v1', '').match(/[A-Za-z]+/g) ?? [];
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

/** Problems that every route of a kind can return, besides those it declares itself. */
function problemsOf(route: Route): ProblemCode[] {
  const { params, body } = route.schemas;
  const isRead = route.methods.every((method) => method === 'get');
  const codes: ProblemCode[] = [
    ...accessProblems(route.access),
    ...(route.problems ?? []),
    // An address with broken escapes is malformed.
    ...(params ? (['NOT_FOUND', 'BAD_REQUEST'] as const) : []),
    ...(body ? (['UNSUPPORTED_MEDIA_TYPE'] as const) : []),
    ...(isRead ? [] : (['MALFORMED_JSON', 'REQUEST_TIMEOUT', 'PAYLOAD_TOO_LARGE'] as const)),
    'CROSS_SITE_REQUEST',
    ...(limitClassOf(route) === null ? [] : (['RATE_LIMITED'] as const)),
    // Any parameter that is not known.
    'VALIDATION_FAILED',
    'HOST_NOT_SERVED',
    ...(route.path.startsWith('/api/') ? (['DATABASE_UNAVAILABLE', 'INTERNAL'] as const) : []),
  ];
  return [...new Set(codes)];
}

function accessProblems({ rule }: Access): readonly ProblemCode[] {
  if (rule === 'roles') return ['NOT_SIGNED_IN', 'NOT_ALLOWED', 'PROVIDER_UNAVAILABLE'];
  return rule === 'public' ? ['NOT_SIGNED_IN', 'PROVIDER_UNAVAILABLE'] : [];
}

function problemResponses(codes: readonly ProblemCode[]): Record<string, ResponseConfig> {
  const statuses = [...new Set(codes.map((code) => PROBLEMS[code].status))];
  return Object.fromEntries(
    statuses.map((status) => [
      String(status),
      {
        description: codes
          .filter((code) => PROBLEMS[code].status === status)
          .map((code) => `\`${code}\`: ${PROBLEMS[code].title}`)
          .join('. '),
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    ]),
  );
}

function documentedResponses(
  responses: Readonly<Record<number, DocumentedResponse>>,
): Record<string, ResponseConfig> {
  return Object.fromEntries(
    Object.entries(responses).map(([status, { description, schema, content }]) => {
      const media = content ?? (schema ? { 'application/json': schema } : {});
      return [
        status,
        {
          description,
          content: Object.fromEntries(Object.entries(media).map(([type, body]) => [type, { schema: body }])),
        },
      ];
    }),
  );
}
