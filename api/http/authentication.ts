import type { Request } from 'express';
import { ANONYMOUS, type Principal } from '../../domain/identity/types';

/** One way to sign in. */
export interface Authenticator {
  /** As OpenAPI names it in `securitySchemes`. */
  scheme: string;
  /** Whether the request has credentials of this kind, by its headers alone. */
  isUsedBy(req: Request): boolean;
  /** Whose they are. @throws AppError `NOT_SIGNED_IN` where they are not, or no longer, good */
  authenticate(req: Request): Promise<Principal>;
}

/**
 * Whose request this is: by the first kind of credentials that it has. Credentials that are not good are refused, also where none are
 * needed: who sends a revoked key is to be told.
 */
export async function principalOf(
  authenticators: readonly Authenticator[],
  req: Request,
): Promise<Principal> {
  const used = authenticators.find((each) => each.isUsedBy(req));
  return used ? used.authenticate(req) : ANONYMOUS;
}
