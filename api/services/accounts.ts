import type { Request } from 'express';
import { passwords } from '../../domain/identity/accounts/passwords';
import type { AccountDeps } from '../../domain/identity/accounts/sign-in';
import { createAccessTokenReader, type TokenNames } from '../../domain/identity/signing/access-tokens';
import { createSigningKeys, type SigningKeys } from '../../domain/identity/signing/signing-keys';
import { linkedUser } from '../../domain/identity/linked/linked-users';
import type { UserRole } from '../../domain/identity/accounts/types';
import type { Credential, Principal } from '../../domain/identity/types';
import { openIdProvider, type OpenIdProvider } from '../../integrations/openid/provider';
import type { Settings } from '../../platform/config';
import type { Database } from '../../platform/database/database';
import type { Authenticator } from '../http/authentication';
import { createAdmission } from './admission';

/** Passwords that are hashed at once: each takes a processor for some 30 ms, and 19 MiB. */
const HASHES = 2;
/** Those that wait beyond this would have left. */
const QUEUE = 50;
const MAX_WAIT_MS = 5_000;

/** People's accounts: what their routes work with. */
export interface Accounts {
  keys: SigningKeys;
  names: TokenNames;
  /** Whose tokens are taken beside our own; null: nobody's. */
  provider: OpenIdProvider | null;
  /**
   * For one request, whose client may leave while its password waits to be hashed.
   *
   * Both functions of its passwords throw AppError `OVERLOADED` where too many wait.
   */
  depsFor(signal: AbortSignal): AccountDeps;
}

export function createAccounts({ db, settings }: { db: Database; settings: Settings }): Accounts {
  const admission = createAdmission({
    what: 'passwords',
    limit: HASHES,
    queue: QUEUE,
    maxWaitMs: MAX_WAIT_MS,
  });
  const { SIGNING_KEYS_SECRET: secret, TOKEN_ISSUER: issuer, TOKEN_AUDIENCE: audience } = settings;
  return {
    keys: createSigningKeys({
      db,
      secret: secret === undefined ? undefined : Buffer.from(secret, 'base64'),
    }),
    names: { issuer, audience },
    provider: openIdProvider(settings),
    depsFor: (signal) => ({
      db,
      passwords: {
        hash: (password) => admission.run(signal, () => passwords.hash(password)),
        verify: (hash, password) => admission.run(signal, () => passwords.verify(hash, password)),
      },
    }),
  };
}

const BEARER = /^bearer +(\S+) *$/i;

/** Signs in by access token. The rights are those that the token says: changed ones reach it when it ends. */
export function accessTokens(
  db: Database,
  { keys, names, provider }: Pick<Accounts, 'keys' | 'names' | 'provider'>,
): Authenticator {
  const ours = createAccessTokenReader(keys, names);
  return {
    scheme: {
      name: 'accessToken',
      description: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: 'Of a person: from `POST /auth/login`, or of the OpenID provider that is set up',
      },
    },
    isUsedBy: (req) => /^bearer\b/i.test(req.headers.authorization ?? ''),
    async authenticate(req: Request) {
      const [, token = ''] = BEARER.exec(req.headers.authorization ?? '') ?? [];
      if (provider?.claims(token)) {
        const { subject, role, signedInAt, until } = await provider.read(token);
        const linked = await linkedUser(db, { issuer: provider.issuer, subject });
        if (linked === null) return null;
        return userPrincipal(linked, {
          role,
          signedInAt,
          credential: { kind: 'linked', id: linked, role, until },
        });
      }
      const { userId, role, signedInAt, sessionId, until } = await ours.read(token);
      return userPrincipal(userId, {
        role,
        signedInAt,
        credential: { kind: 'session', id: sessionId, until },
      });
    },
  };
}

/** A person who has signed in. */
export function userPrincipal(
  id: string,
  given: { role: UserRole; signedInAt: Date | null; credential: Credential },
): Principal {
  return { kind: 'user', id, caller: `user:${id}`, scopes: [], ...given };
}
