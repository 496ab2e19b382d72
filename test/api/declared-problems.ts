import type { OpenApiDocument } from '../../api/http/openapi';

type Operations = Record<string, { responses?: Record<string, { description?: string }> }>;

const documents = new Map<string, Promise<OpenApiDocument>>();

/** The description of the API at this address, read once. */
function documentOf(base: string): Promise<OpenApiDocument> {
  const known = documents.get(base);
  if (known) return known;
  const reading = fetch(`${base}/openapi.json`).then(
    (response) => response.json() as Promise<OpenApiDocument>,
  );
  documents.set(base, reading);
  return reading;
}

/** The operation that serves a request: the first path that fits, as the application chooses. Undefined: none does. */
function operationOf(document: OpenApiDocument, method: string, url: string) {
  const { pathname } = new URL(url);
  const found = Object.entries(document.paths ?? {}).find(([path]) =>
    new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(pathname),
  );
  if (!found) return undefined;
  const [path, operations] = found;
  const operation = (operations as Operations)[method.toLowerCase()];
  return operation && { path, ...operation };
}

/**
 * Fails where a route responds with a problem that its description does not name: a client that switches on the codes would not expect
 * it.
 *
 * @throws Error that names the route and the code
 */
export async function expectDeclared(
  base: string,
  asked: { method: string; url: string },
  answer: { status: number; code: unknown },
): Promise<void> {
  const operation = operationOf(await documentOf(base), asked.method, asked.url);
  if (!operation) return;
  const { description = '' } = operation.responses?.[answer.status] ?? {};
  const declared = [...description.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => code);
  if (declared.includes(String(answer.code))) return;
  const { method } = asked;
  throw new Error(
    `${method} ${operation.path} responded with ${answer.status} ${String(answer.code)}: add it to the route's problems`,
  );
}
