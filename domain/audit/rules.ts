import { isDeepStrictEqual } from 'node:util';
import type { AuditValues } from './types';

export interface Changed {
  before: AuditValues | null;
  after: AuditValues | null;
}

/** What differs between two states: with both, the members that are not equal, and `equal` where there is none. */
export function changedMembers(
  before: AuditValues | null = null,
  after: AuditValues | null = null,
): Changed | 'equal' {
  if (before === null || after === null) return { before, after };
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => !isDeepStrictEqual(before[name] ?? null, after[name] ?? null),
  );
  return names.length === 0 ? 'equal' : { before: pick(before, names), after: pick(after, names) };
}

function pick(values: AuditValues, names: readonly string[]): AuditValues {
  return Object.fromEntries(names.map((name) => [name, values[name] ?? null]));
}
