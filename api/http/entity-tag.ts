import { z } from 'zod';
import { problem } from './problems';
import type { ApiResponse } from './response';

/** The header of a change to a thing that was read before. */
export const ifMatchHeader = z.object({
  'If-Match': z.string().meta({
    description:
      'The `ETag` of what was read (428 without it; 412 where it was changed meanwhile), or `*`: whatever it is now',
    examples: ['"3"'],
  }),
});

/** A thing with the number of its latest change as its entity tag (RFC 9110, section 8.8.3). */
export function tagged(status: number, { version, ...body }: { version: number }): ApiResponse {
  return { status, body, headers: { etag: `"${version}"` } };
}

const TAG = /^\s*"([1-9]\d{0,8})"\s*$/;

/**
 * Versions that a request says it has seen, by `If-Match`; null: whatever it is now. A tag that is none of ours, also a weak one,
 * matches nothing.
 *
 * @throws AppError `PRECONDITION_REQUIRED` without the header
 */
export function seenVersions(ifMatch: string | undefined): number[] | null {
  if (ifMatch === undefined)
    throw problem('PRECONDITION_REQUIRED', 'Send If-Match with the ETag of what you have read, or *.');
  if (ifMatch.trim() === '*') return null;
  return ifMatch.split(',').flatMap((tag) => {
    const version = TAG.exec(tag)?.[1];
    return version === undefined ? [] : [Number(version)];
  });
}
