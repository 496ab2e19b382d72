/** A member of a JSON object. */
export interface JsonMember {
  name: string;
  kind: 'text' | 'number' | 'null' | 'other';
  /** Of a text its value, of anything else how it stands there: a number is not rounded. */
  text: string;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * The members of a JSON object as they stand in its text: `JSON.parse` rounds numbers, and of a name that stands twice it
 * keeps the last value only. Null: the text is no JSON object.
 */
export function jsonMembers(text: string): JsonMember[] | null {
  if (!isJsonObject(text)) return null;
  const members: JsonMember[] = [];
  let depth = 0;
  let name: string | undefined;
  let valueFrom = 0;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      depth += 1;
      if (depth === 2) valueFrom = index;
    } else if (token === '}' || token === ']') {
      depth -= 1;
      if (depth === 1 && name !== undefined) {
        members.push({ name, kind: 'other', text: text.slice(valueFrom, index + 1) });
        name = undefined;
      }
    } else if (depth === 1 && token !== ',' && token !== ':') {
      if (name === undefined) {
        name = unquoted(token);
      } else {
        members.push({ name, ...scalar(token) });
        name = undefined;
      }
    }
  }
  return members;
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function scalar(token: string): Pick<JsonMember, 'kind' | 'text'> {
  if (token.startsWith('"')) return { kind: 'text', text: unquoted(token) };
  if (token === 'null') return { kind: 'null', text: token };
  return { kind: token === 'true' || token === 'false' ? 'other' : 'number', text: token };
}

/** The text of a token that is a string of valid JSON. */
function unquoted(token: string): string {
  return token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1);
}
