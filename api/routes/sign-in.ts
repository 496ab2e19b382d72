import { askForNewPassword, resetPassword } from '../../domain/identity/accounts/change-password';
import { confirmEmail } from '../../domain/identity/accounts/confirm-email';
import { logIn } from '../../domain/identity/accounts/sign-in';
import { logOut, logOutOfAll, refreshSession } from '../../domain/identity/sessions/sessions';
import type { RefreshedSession } from '../../domain/identity/sessions/sessions';
import { issueAccessToken } from '../../domain/identity/signing/access-tokens';
import { ACCESS_TOKEN_SECONDS } from '../../domain/identity/signing/signing-keys';
import { PEOPLE_ONLY, PUBLIC } from '../http/access';
import { API_BASE } from '../http/paths';
import { addressOf } from '../http/request-context';
import { NO_CONTENT, withSecret, type ApiResponse } from '../http/response';
import { route, type Route } from '../http/route';
import {
  accepted,
  credentials,
  emailConfirmation,
  keySet,
  passwordReset,
  refreshToken,
  resetRequest,
  session,
} from '../schemas/people';
import type { Accounts } from '../services/accounts';
import type { ApiContext } from '../services/context';

const TAG = 'People';
const PATH = `${API_BASE}/auth`;
/** Seconds for which others keep the public keys. A token by a key that is newer makes them ask again. */
const KEYS_KEPT_SECONDS = 60;

/** Signing in and out, passwords, and the keys by which others check access tokens. */
export function signInRoutes(context: Pick<ApiContext, 'db' | 'accounts'>): Route[] {
  return [...sessionRoutes(context), ...mailRoutes(context), publicKeys(context.accounts)];
}

function sessionRoutes({ db, accounts }: Pick<ApiContext, 'db' | 'accounts'>): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: `${PATH}/login`,
        access: PUBLIC,
        tag: TAG,
        summary: 'Sign in with a password',
        description:
          'Failed attempts are counted by account and by network, over all processes, and have to wait longer and longer. A wrong password, an address without an account and a disabled account have the same answer.',
        body: credentials,
        responses: { 200: { description: 'A session', schema: session } },
        problems: ['SIGN_IN_FAILED', 'TOO_MANY_ATTEMPTS', 'SIGN_IN_NOT_SET_UP', 'OVERLOADED'],
      },
      async ({ body, req, signal }) => {
        // Before a session is begun that nobody would get a token of.
        await accounts.keys.current();
        const given = { ...body, address: addressOf(req) };
        return respond(accounts, await logIn(accounts.depsFor(signal), given));
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/refresh`,
        access: PUBLIC,
        tag: TAG,
        summary: 'Exchange a refresh token for new tokens',
        description:
          'A refresh token is good once. The same again within 10 s has the same successor; later it ends the session, since somebody else may have it. Send no access token with it.',
        body: refreshToken,
        responses: { 200: { description: 'The session goes on', schema: session } },
        problems: ['SESSION_ENDED', 'SIGN_IN_NOT_SET_UP'],
      },
      async ({ body, log }) => {
        await accounts.keys.current();
        return respond(accounts, await refreshSession(db, body.refreshToken, log));
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/logout`,
        access: PUBLIC,
        tag: TAG,
        summary: 'End a session',
        description: 'Its access token ends by itself, within 10 minutes. Again, it changes nothing.',
        body: refreshToken,
        responses: { 204: { description: 'It has ended' } },
      },
      async ({ body }) => {
        await logOut(db, body.refreshToken);
        return NO_CONTENT;
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/logout-all`,
        access: PEOPLE_ONLY,
        tag: TAG,
        summary: "End all of one's sessions",
        description: 'Access tokens end by themselves, within 10 minutes.',
        responses: { 204: { description: 'They have ended' } },
      },
      async ({ principal }) => {
        if (principal.kind === 'user') await logOutOfAll(db, principal.id);
        return NO_CONTENT;
      },
    ),
  ];
}

function mailRoutes({ db, accounts }: Pick<ApiContext, 'db' | 'accounts'>): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: `${PATH}/password-reset`,
        access: PUBLIC,
        tag: TAG,
        summary: 'Ask for a mail to choose a new password',
        description:
          'The answer is the same whether or not the address has an account. At most one mail a minute.',
        body: resetRequest,
        responses: { 202: { description: 'Who has an account gets a mail', schema: accepted } },
        problems: ['TOO_MANY_ATTEMPTS'],
      },
      async ({ body, req }) => {
        await askForNewPassword(db, { email: body.email, address: addressOf(req) });
        return { status: 202, body: { status: 'accepted' } };
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/password-reset/confirm`,
        access: PUBLIC,
        tag: TAG,
        summary: 'Choose a new password by the token of a mail',
        description:
          'Ends all sessions, confirms the e-mail address, and forgets failed attempts of the account.',
        body: passwordReset,
        responses: { 204: { description: 'The password is set' } },
        problems: ['MAIL_TOKEN_INVALID', 'OVERLOADED'],
      },
      async ({ body, signal }) => {
        await resetPassword(accounts.depsFor(signal), body);
        return NO_CONTENT;
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/confirm-email`,
        access: PUBLIC,
        tag: TAG,
        summary: 'Confirm an e-mail address by the token of a mail',
        description:
          'By who is signed in to the account, or knows its password: who reads the mail may be another than who registered. An address that takes the place of another is confirmed here too. Again with the same token, it changes nothing.',
        body: emailConfirmation,
        responses: { 204: { description: 'It is confirmed' } },
        problems: [
          'MAIL_TOKEN_INVALID',
          'CONFIRMATION_UNPROVEN',
          'PASSWORD_NOT_RIGHT',
          'EMAIL_TAKEN',
          'TOO_MANY_ATTEMPTS',
          'OVERLOADED',
        ],
      },
      async ({ body: { token, password }, principal, req, signal }) => {
        const signedIn = principal.kind === 'user' ? principal.id : null;
        const given = { token, password, signedIn, address: addressOf(req) };
        await confirmEmail(accounts.depsFor(signal), given);
        return NO_CONTENT;
      },
    ),
  ];
}

function publicKeys({ keys }: Accounts): Route {
  return route(
    {
      methods: ['get'],
      path: '/.well-known/jwks.json',
      access: PUBLIC,
      tag: TAG,
      summary: 'Public keys of access tokens',
      description: 'RFC 7517. A key that was replaced stays until the last token that it signed has ended.',
      responses: { 200: { description: 'The keys', schema: keySet } },
    },
    async () => ({
      status: 200,
      body: { keys: await keys.published() },
      headers: { 'cache-control': `public, max-age=${KEYS_KEPT_SECONDS}` },
    }),
  );
}

async function respond({ keys, names }: Accounts, begun: RefreshedSession): Promise<ApiResponse> {
  const body = {
    accessToken: await issueAccessToken(keys, names, begun),
    tokenType: 'Bearer',
    expiresIn: ACCESS_TOKEN_SECONDS,
    refreshToken: begun.refreshToken,
    user: { id: begun.userId, role: begun.role },
  };
  return withSecret(200, body);
}
