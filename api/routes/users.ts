import { z } from 'zod';
import { askForEmailChange } from '../../domain/identity/accounts/change-email';
import { changePassword } from '../../domain/identity/accounts/change-password';
import { register } from '../../domain/identity/accounts/register';
import {
  changeLocale,
  changeRights,
  findUsers,
  readUser,
  rename,
} from '../../domain/identity/accounts/users';
import type { Principal } from '../../domain/identity/types';
import { expectAdminStill, expectRecentSignIn, OPERATORS, OWN_USER, PUBLIC } from '../http/access';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { asNotFound, problem } from '../http/problems';
import { addressOf } from '../http/request-context';
import { okOrNotFound } from '../http/response';
import { route, type Route } from '../http/route';
import { idParams, line, newestCursor, pageQuery } from '../schemas/common';
import { accepted, newUser, user, userPage, userRole, userStatus, userUpdate } from '../schemas/people';
import type { ApiContext } from '../services/context';

const TAG = 'People';
const PATH = `${API_BASE}/users`;
const listQuery = z.strictObject({
  ...pageQuery,
  cursor: newestCursor,
  role: userRole.optional(),
  status: userStatus.optional(),
  text: line(254).optional().meta({ description: 'What the e-mail address begins with, or the id' }),
});

const NO_USER = 'There is no such user.';

/** Registration, and what somebody is called and may do. */
export function userRoutes({
  db,
  reports,
  accounts,
  access,
}: Pick<ApiContext, 'db' | 'reports' | 'accounts' | 'access'>): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: PATH,
        access: PUBLIC,
        limit: 'registrations',
        tag: TAG,
        summary: 'Register as a customer',
        description:
          'The answer is the same for an address that has an account already: nothing is changed then, and its owner gets a mail. One can sign in at once; the mail confirms the address. It takes no Idempotency-Key, under which a fingerprint of the password would be kept: registering again is harmless.',
        body: newUser,
        responses: { 202: { description: 'A mail is on its way', schema: accepted } },
        problems: ['TOO_MANY_ATTEMPTS', 'OVERLOADED'],
      },
      async ({ body: { email, password, name = null, locale }, req, signal, principal }) => {
        // A shop that registers its customers does so from one address.
        const address = principal.role === null || principal.role === 'customer' ? addressOf(req) : null;
        const actor = address === null ? principal.caller : null;
        await register(accounts.depsFor(signal), { email, password, name, locale, address, actor });
        return { status: 202, body: { status: 'accepted' } };
      },
    ),
    route(
      {
        methods: ['get'],
        path: PATH,
        access: OPERATORS,
        tag: TAG,
        summary: 'List users, newest first',
        query: listQuery,
        responses: { 200: { description: 'A page', schema: userPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...filter } }) =>
        okPage(await findUsers(reports, { ...filter, after: cursor })),
    ),
    route(
      {
        methods: ['get'],
        path: `${PATH}/{id}`,
        access: OWN_USER,
        tag: TAG,
        summary: 'A user',
        description: 'Oneself; operators and admins see everybody.',
        params: idParams,
        responses: { 200: { description: 'The user', schema: user } },
      },
      async ({ params }) => okOrNotFound(await readUser(db, params.id), NO_USER),
    ),
    route(
      {
        methods: ['put'],
        path: `${PATH}/{id}`,
        access: OWN_USER,
        tag: TAG,
        summary: 'Change a user',
        description:
          'Name, language, e-mail address and password of oneself; admins change names and languages of everybody, and roles and statuses where they have signed in within a quarter of an hour. People change their own name once a minute at most. A new address counts once it is confirmed by the mail that goes there; the answer is the same where it has an account already. A changed password, role or status ends all sessions; access tokens end within 10 minutes.',
        params: idParams,
        body: userUpdate,
        responses: { 200: { description: 'The user afterwards', schema: user } },
        problems: [
          'NOT_ALLOWED',
          'SIGN_IN_NOT_RECENT',
          'LAST_ADMIN',
          'PASSWORD_NOT_RIGHT',
          'TOO_MANY_ATTEMPTS',
          'OVERLOADED',
        ],
      },
      async ({ params: { id }, body, principal, caller: actor, req, signal }) => {
        expectMayChange(principal, id, body);
        const { name, locale, email, password, role, status } = body;
        if (principal.role === 'admin') await expectAdminStill(access, principal);
        if (role !== undefined || status !== undefined) expectRecentSignIn(principal);
        if (!(await readUser(db, id))) return okOrNotFound(null, NO_USER);
        if (password) {
          const given = { current: password.current, password: password.new, address: addressOf(req) };
          await changePassword(accounts.depsFor(signal), id, given);
        }
        if (email) {
          const given = { email: email.address, password: email.password, address: addressOf(req) };
          await askForEmailChange(accounts.depsFor(signal), id, given);
        }
        if (role !== undefined || status !== undefined)
          await changeRights(db, id, { role, status, actor }).catch(asNotFound('UNKNOWN_USER', NO_USER));
        if (locale !== undefined) await changeLocale(db, { userId: id, locale, actor });
        if (name !== undefined) await rename(db, { userId: id, name, actor });
        return okOrNotFound(await readUser(db, id), NO_USER);
      },
    ),
  ];
}

/** @throws AppError `NOT_ALLOWED` */
function expectMayChange(
  { kind, id, role }: Principal,
  userId: string,
  change: z.output<typeof userUpdate>,
): void {
  const isOneself = kind === 'user' && id === userId;
  const changesRights = change.role !== undefined || change.status !== undefined;
  if (role !== 'admin' && changesRights)
    throw problem('NOT_ALLOWED', 'Roles and statuses are changed by admins.');
  if (role !== 'admin' && !isOneself) throw problem('NOT_ALLOWED', 'Other users are changed by admins.');
  if (change.password && !isOneself)
    throw problem('NOT_ALLOWED', 'A password is changed by its owner; another one is chosen by mail.');
  if (change.email && !isOneself)
    throw problem('NOT_ALLOWED', 'An e-mail address is changed by its owner, who knows the password.');
}
