import { beginErasure, readErasure } from '../../domain/erasure/erase';
import type { Erasure } from '../../domain/erasure/types';
import { expectPassword, hasPassword } from '../../domain/identity/accounts/change-password';
import type { Principal } from '../../domain/identity/types';
import { expectAdminStill, expectRecentSignIn, OWN_USER } from '../http/access';
import { API_BASE } from '../http/paths';
import { asNotFound, invalid, problem } from '../http/problems';
import { addressOf } from '../http/request-context';
import type { ApiResponse } from '../http/response';
import { route, type Route } from '../http/route';
import { idParams } from '../schemas/common';
import { erasure, erasureRequest } from '../schemas/people';
import type { ApiContext } from '../services/context';

/** Erasing what is known of a person. */
export function erasureRoutes({
  db,
  accounts,
  access,
}: Pick<ApiContext, 'db' | 'accounts' | 'access'>): Route[] {
  return [
    route(
      {
        methods: ['delete'],
        path: `${API_BASE}/users/{id}`,
        access: OWN_USER,
        tag: 'People',
        summary: 'Erase what is known of a person',
        description:
          "Oneself, with the password where one has one, else within a quarter of an hour after one has signed in at one's provider (`auth_time` of the token); admins, who have signed in as recently, everybody. Account, sign-ins and sessions go at once. Address, texts and card tokens of orders, stored responses and mails follow, and again until a quarter of an hour later, when access tokens that were there have ended: 200 then, 202 until then. Orders, amounts and histories stay, by an id that tells nothing. ORDERS_OPEN: their address is still needed. Again, it changes nothing.",
        params: idParams,
        body: erasureRequest,
        bodyOptional: true,
        responses: {
          200: { description: 'Everything is erased', schema: erasure },
          202: { description: 'Account and sessions are erased; the rest follows', schema: erasure },
        },
        problems: [
          'NOT_ALLOWED',
          'SIGN_IN_NOT_RECENT',
          'ORDERS_OPEN',
          'LAST_ADMIN',
          'PASSWORD_NOT_RIGHT',
          'TOO_MANY_ATTEMPTS',
          'OVERLOADED',
        ],
      },
      async ({ params: { id }, body, principal, caller, req, signal }) => {
        const isOneself = isUser(principal, id);
        if (!isOneself) await expectAdmin(principal);
        const begun = await readErasure(db, id);
        if (begun) return respond(begun);
        if (isOneself && (await hasPassword(db, id))) {
          const { password } = body;
          if (password === undefined) throw invalid([{ path: 'password', message: 'is needed' }]);
          await expectPassword(accounts.depsFor(signal), id, { password, address: addressOf(req) });
        } else {
          expectRecentSignIn(principal);
        }
        return respond(await beginErasure(db, id, caller).catch(asNotFound('UNKNOWN_USER', NO_USER)));
      },
    ),
  ];

  /** @throws AppError `NOT_ALLOWED` */
  async function expectAdmin(principal: Principal): Promise<void> {
    if (principal.role !== 'admin') throw problem('NOT_ALLOWED', 'Other people are erased by admins.');
    await expectAdminStill(access, principal);
  }
}

const NO_USER = 'There is no such user.';

function isUser({ kind, id }: Principal, userId: string): boolean {
  return kind === 'user' && id === userId;
}

function respond({ userId, requestedAt, orders, finishedAt }: Erasure): ApiResponse {
  const status = finishedAt === null ? 'erasing' : 'erased';
  return {
    status: finishedAt === null ? 202 : 200,
    body: { userId, status, requestedAt, orders, finishedAt },
  };
}
