import { v5, v7 } from 'uuid';

/** Holdfast's own namespace for ids that are derived from others. Never changes: ids in old rows were made with it. */
const NAMESPACE = '6f1c1e0c-2f0b-5d0e-9a57-0b6d6a5c7f11';

/** A new time-ordered UUID. */
export function newId(): string {
  return v7();
}

/** The same UUID for the same parts, always: what is made again after a crash gets the id it had. */
export function derivedId(...parts: readonly (string | number)[]): string {
  return v5(parts.map((part) => `${String(part).length}:${part}`).join('|'), NAMESPACE);
}
