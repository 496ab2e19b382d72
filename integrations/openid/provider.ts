import { decodeJwt, jwtVerify, type JWTPayload } from 'jose';
import type { UserRole } from '../../domain/identity/accounts/types';
import { asNotSignedIn, signInTimeOf } from '../../domain/identity/signing/access-tokens';
import { CLOCK_SKEW_SECONDS } from '../../domain/identity/signing/signing-keys';
import { openIdRolesOf, type Settings } from '../../platform/config';
import { AppError } from '../../platform/errors';
import { createProviderKeys } from './provider-keys';

/** An OpenID provider whose tokens are taken. */
export interface OpenIdProvider {
  issuer: string;
  /** Whether a token says that it is of this provider. Nothing of it is checked. */
  claims(token: string): boolean;
  /**
   * Whose token it is, and until when, milliseconds since 1970. `signedInAt`: null where the provider does not say it (`auth_time`).
   *
   * @throws AppError `NOT_SIGNED_IN` where it is not good or gives no role, `PROVIDER_UNAVAILABLE`
   */
  read(token: string): Promise<{ subject: string; role: UserRole; signedInAt: Date | null; until: number }>;
}

/** Signatures with a secret that both have, and none, are not among them. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

/** The most that a token gives counts. */
const BY_RANK = ['admin', 'operator', 'customer'] as const satisfies readonly UserRole[];

/** The provider that the settings name; null: none. */
export function openIdProvider(settings: Settings): OpenIdProvider | null {
  const { OIDC_ISSUER: issuer, OIDC_AUDIENCE: audience, OIDC_JWKS_URL: jwksUrl } = settings;
  if (issuer === undefined || audience === undefined) return null;
  const keys = createProviderKeys({ issuer, jwksUrl });
  return {
    issuer,
    claims: (token) => issuerOf(token) === issuer,
    async read(token) {
      try {
        const { payload } = await jwtVerify(token, keys, {
          algorithms: ALGORITHMS,
          issuer,
          audience,
          clockTolerance: CLOCK_SKEW_SECONDS,
          requiredClaims: ['sub', 'exp'],
        });
        const role = roleOf(settings, payload);
        if (role === null) throw new AppError('NOT_SIGNED_IN', 'Your provider gives you no role here.');
        const until = ((payload.exp ?? 0) + CLOCK_SKEW_SECONDS) * 1_000;
        return { subject: String(payload.sub), role, signedInAt: signInTimeOf(payload), until };
      } catch (error) {
        throw asNotSignedIn(error);
      }
    },
  };
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

/** The role that the claim's values are given by the settings. */
function roleOf(settings: Settings, payload: JWTPayload): UserRole | null {
  const { OIDC_ROLE_CLAIM: claim, OIDC_OTHERWISE: otherwise } = settings;
  const values = claim === undefined ? [] : valuesAt(payload, claim);
  const given = new Set(
    openIdRolesOf(settings).flatMap(({ value, role }) => (values.includes(value) ? [role] : [])),
  );
  return BY_RANK.find((role) => given.has(role)) ?? (otherwise === 'customer' ? 'customer' : null);
}

/** `realm_access.roles` is a member of a member; a claim may also have this very name. */
function valuesAt(payload: JWTPayload, claim: string): readonly unknown[] {
  const own = Object.hasOwn(payload, claim) ? payload[claim] : undefined;
  const found =
    own ??
    claim
      .split('.')
      .reduce<unknown>(
        (at, name) =>
          typeof at === 'object' && at !== null && Object.hasOwn(at, name)
            ? (at as Record<string, unknown>)[name]
            : undefined,
        payload,
      );
  return Array.isArray(found) ? found : typeof found === 'string' ? found.split(' ') : [];
}
