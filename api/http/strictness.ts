import type { z } from 'zod';

/**
 * Paths of the objects in a schema of what is sent that take members which they do not know, such as `items[]`. Empty: there is none. A
 * misspelt member would be taken as if it were absent there.
 */
export function lenientObjects(schema: z.core.$ZodType, path = ''): string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'object': {
      const isStrict = def.catchall?._zod.def.type === 'never';
      const members = Object.entries(def.shape).flatMap(([name, member]) =>
        lenientObjects(member, path === '' ? name : `${path}.${name}`),
      );
      return [...(isStrict ? [] : [path || 'body']), ...members];
    }
    case 'array':
      return lenientObjects(def.element, `${path}[]`);
    case 'union':
      return def.options.flatMap((option) => lenientObjects(option, path));
    case 'pipe':
      return lenientObjects(def.in, path);
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'catch':
    case 'readonly':
      return lenientObjects(def.innerType, path);
    default:
      return LEAVES.has(def.type) ? [] : [`${path || 'body'} (${def.type}: not looked into)`];
  }
}

/** What holds no object. */
const LEAVES: ReadonlySet<string> = new Set([
  'string',
  'number',
  'boolean',
  'bigint',
  'null',
  'undefined',
  'literal',
  'enum',
  'template_literal',
  'never',
]);
