import type { OpenApiDocument } from '../../api/http/openapi';
import { newId } from '../../platform/ids';
import type { TestApi } from './support';

/** As much of JSON Schema as the description uses. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  enum?: unknown[];
  const?: unknown;
  format?: string;
  pattern?: string;
  minimum?: number;
  minLength?: number;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
}

export interface Parameter {
  in: string;
  name: string;
  schema: Schema;
}

export interface Described {
  /** Such as `POST /api/v1/orders`. */
  name: string;
  method: string;
  path: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}

/** Every operation that an API describes, and its schemas. */
export async function describedBy(test: TestApi) {
  const document = JSON.parse((await test.call('GET', '//openapi.json')).text) as OpenApiDocument;
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Omit<Described, 'name' | 'method' | 'path'>>).map(
      ([method, operation]): Described => ({
        ...operation,
        name: `${method.toUpperCase()} ${path}`,
        method: method.toUpperCase(),
        path,
      }),
    ),
  );
  function resolved({ $ref, ...schema }: Schema): Schema {
    if ($ref === undefined) return schema;
    const found = document.components?.schemas?.[$ref.split('/').at(-1) ?? ''];
    if (!found) throw new Error(`there is no ${$ref}`);
    return resolved(found);
  }
  return { operations, resolved };
}

/** The address of an operation, with parameters of the right form: these, or others that name nothing. */
export function addressOf(
  { path, parameters = [] }: Described,
  given: Readonly<Record<string, string>> = {},
): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    if (given[name] !== undefined) return given[name];
    const schema = parameters.find((one) => one.in === 'path' && one.name === name)?.schema ?? {};
    if (schema.enum) return String(schema.enum[0]);
    if (schema.pattern !== undefined && new RegExp(schema.pattern).test('1')) return '1';
    return schema.format === 'uuid' ? newId() : name === 'ref' ? `sandbox_ch_${newId()}` : 'A';
  });
  return `/${filled}`;
}
