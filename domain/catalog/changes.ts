import { AppError } from '../../platform/errors';
import type { Seen } from './types';

/**
 * Refuses a name that another entry has, also in other capitals: people take them for the same, and feeds find one by the other.
 *
 * @param alike names that are the same but for capitals
 * @throws AppError `DUPLICATE_NAME`
 */
export function refuseAlike(what: string, name: string, alike: readonly string[]): void {
  const [other] = alike.includes(name) ? [name] : alike;
  if (other === undefined) return;
  const detail =
    other === name ? `There is a ${what} ${name}.` : `There is a ${what} ${other}: only capitals differ.`;
  throw new AppError('DUPLICATE_NAME', detail, { existing: other });
}

/** Whether a client may change what has this version. */
export function isSeen({ version }: { version: number }, seen: Seen): boolean {
  return seen === null || seen.includes(version);
}

/**
 * Why an update changed nothing.
 *
 * @throws AppError `NOT_FOUND` where there is none, `PRECONDITION_FAILED` where it was changed meanwhile
 */
export function refuseUpdate(what: string, found: { version: number } | null | undefined, seen: Seen): never {
  if (!found) throw new AppError('NOT_FOUND', `There is no such ${what}.`);
  throw new AppError('PRECONDITION_FAILED', `The ${what} was changed meanwhile. Read it again.`, {
    seen,
    version: found.version,
  });
}
