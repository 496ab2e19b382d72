import type { Request } from 'express';
import { ANONYMOUS, type Principal } from '../../domain/identity/types';
import { notSignedIn } from './problems';

/** A security scheme of OpenAPI. */
export type SecurityScheme =
  | { type: 'apiKey'; in: 'header'; name: string; description: string }
  | { type: 'http'; scheme: 'bearer'; bearerFormat: string; description: string };

/** One way to sign in. */
export interface Authenticator {
  /** As OpenAPI has it in `securitySchemes`. */
  scheme: { name: string; description: SecurityScheme };
  /** Absent: for every route. */
  onlyFor?: 'upgrades';
  /** Whether the request has credentials of this kind, by its headers alone. */
  isUsedBy(req: Request): boolean;
  /** Whether those that the request has are, by their form, of the kind that everybody may know; absent: there are none of that kind. */
  arePublic?(req: Request): boolean;
  /** Whose they are; null: they are not, or no longer, good. */
  authenticate(req: Request): Promise<Principal | null>;
}

/**
 * Whose request this is. Credentials that are not good are refused, also where none are needed: who sends a revoked key is to be told.
 *
 * @throws AppError `NOT_SIGNED_IN` where they are not good, or of several kinds
 */
export async function principalOf(
  authenticators: readonly Authenticator[],
  req: Request,
): Promise<Principal> {
  const [used, another] = authenticators.filter((each) => each.isUsedBy(req));
  if (!used) return ANONYMOUS;
  if (another) throw notSignedIn('Send one kind of credentials, not several.');
  const principal = await used.authenticate(req);
  if (!principal) throw notSignedIn('These credentials are not known, have expired or were revoked.');
  return principal;
}
