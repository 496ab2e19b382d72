import { errors, jwtVerify, SignJWT, type JWTHeaderParameters, type JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import { AppError } from '../../../platform/errors';
import { USER_ROLES, type UserRole } from '../accounts/types';
import { ACCESS_TOKEN_SECONDS, CLOCK_SKEW_SECONDS, type SigningKeys } from './signing-keys';
import type { TokenClaims } from './types';

/** Who issues tokens and for whom, as they say themselves. */
export interface TokenNames {
  issuer: string;
  audience: string;
}

/** RFC 9068: tells an access token from any other that might be signed with the same keys. */
const TYPE = 'at+jwt';

/** An access token of a session. @throws AppError `SIGN_IN_NOT_SET_UP` */
export async function issueAccessToken(
  keys: SigningKeys,
  { issuer, audience }: TokenNames,
  { userId, role, sessionId, signedInAt }: TokenClaims,
): Promise<string> {
  const { kid, key } = await keys.current();
  return new SignJWT({ role, sid: sessionId, auth_time: Math.floor(signedInAt.getTime() / 1_000) })
    .setProtectedHeader({ alg: 'EdDSA', kid, typ: TYPE })
    .setSubject(userId)
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(`${ACCESS_TOKEN_SECONDS} s`)
    .sign(key);
}

/** What a token that was verified says. */
export interface VerifiedClaims extends Omit<TokenClaims, 'signedInAt'> {
  role: UserRole;
  /** Null in one that a build of before has issued. */
  signedInAt: Date | null;
  /** It is good until then, milliseconds since 1970. */
  until: number;
}

/** Reads tokens of ours. */
export interface AccessTokenReader {
  /**
   * What a token says.
   *
   * @throws AppError `NOT_SIGNED_IN` where it is not ours, was changed or is no longer good
   */
  read(token: string): Promise<VerifiedClaims>;
}

/** Tokens that are remembered at most: some 10 MB. */
const REMEMBERED = 10_000;

interface Verified {
  claims: VerifiedClaims;
  /** Which key has signed it. */
  kid: string;
}

/**
 * Reads tokens. The signature of one is verified once while its key is known: a key that was withdrawn ends its tokens as if nothing were
 * remembered.
 */
export function createAccessTokenReader(keys: SigningKeys, names: TokenNames): AccessTokenReader {
  const verified = new LRUCache<string, Verified>({ max: REMEMBERED });
  return {
    async read(token) {
      const known = verified.get(token);
      if (known && Date.now() < known.claims.until && (await keys.verifying(known.kid))) return known.claims;
      const fresh = await verify(keys, names, token);
      verified.set(token, fresh);
      return fresh.claims;
    },
  };
}

/** The key that a header names. */
function keyOf(keys: SigningKeys) {
  return async ({ kid }: JWTHeaderParameters) => {
    const key = kid === undefined ? undefined : await keys.verifying(kid);
    if (!key) throw new errors.JWKSNoMatchingKey();
    return key;
  };
}

async function verify(keys: SigningKeys, { issuer, audience }: TokenNames, token: string): Promise<Verified> {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keyOf(keys), {
      algorithms: ['EdDSA'],
      typ: TYPE,
      issuer,
      audience,
      clockTolerance: CLOCK_SKEW_SECONDS,
      // Also refuses one that was issued ahead of time.
      maxTokenAge: ACCESS_TOKEN_SECONDS,
      requiredClaims: ['sub', 'exp', 'iat', 'role', 'sid'],
    });
    const { sub, sid, exp = 0, iat = 0 } = payload;
    const role = USER_ROLES.find((each) => each === payload['role']);
    if (!role) throw new errors.JWTInvalid('the role is not known');
    const until = (Math.min(exp, iat + ACCESS_TOKEN_SECONDS) + CLOCK_SKEW_SECONDS) * 1_000;
    return {
      claims: { userId: String(sub), role, sessionId: String(sid), signedInAt: signInTimeOf(payload), until },
      kid: String(protectedHeader.kid),
    };
  } catch (error) {
    throw asNotSignedIn(error);
  }
}

/** When its holder has signed in, by the claim `auth_time` (OpenID Connect Core 1.0, section 2); null: it does not say. */
export function signInTimeOf({ auth_time: seconds }: JWTPayload): Date | null {
  return typeof seconds === 'number' && Number.isFinite(seconds) ? new Date(seconds * 1_000) : null;
}

/** What is wrong with a token, in words that tell its holder what to do; any other error unchanged. */
export function asNotSignedIn(error: unknown): unknown {
  if (!(error instanceof errors.JOSEError)) return error;
  const detail =
    error instanceof errors.JWTExpired
      ? 'The access token has ended. Refresh it.'
      : 'The access token is not good here.';
  return new AppError('NOT_SIGNED_IN', detail, {}, { cause: error });
}
