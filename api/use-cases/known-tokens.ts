import { invalid } from '../http/problems';

/**
 * Refuses a token that the sandbox does not know: a typo must not look like a declined card.
 *
 * @param knownTokens those of the sandbox; null with a real gateway, which knows its own
 * @throws AppError `VALIDATION_FAILED`
 */
export function expectKnownToken(
  knownTokens: readonly string[] | null,
  token: string | undefined,
  path: string,
): void {
  if (token === undefined || !knownTokens || knownTokens.includes(token)) return;
  throw invalid([{ path, message: `must be one of ${knownTokens.join(', ')}` }]);
}
