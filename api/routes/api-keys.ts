import { z } from 'zod';
import { createKey, listKeys, revokeKey, rotateKey } from '../../domain/identity/keys';
import { ADMINS, expectRecentSignIn } from '../http/access';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { asNotFound } from '../http/problems';
import { ok, withSecret } from '../http/response';
import { route, type Route } from '../http/route';
import { apiKey, apiKeyPage, newApiKey, rotation, shownApiKey } from '../schemas/api-keys';
import { idParams, name, newestCursor, pageQuery } from '../schemas/common';
import type { ApiContext } from '../services/context';

const TAG = 'API keys';
const PATH = `${API_BASE}/api-keys`;

const listQuery = z.strictObject({
  ...pageQuery,
  cursor: newestCursor,
  service: name(100).optional(),
});

const noKey = asNotFound('KEY_NOT_FOUND', 'There is no such key.');

/** Keys of services. */
export function apiKeyRoutes({ db }: Pick<ApiContext, 'db'>): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: PATH,
        access: ADMINS,
        tag: TAG,
        summary: 'Make a key',
        description:
          'For services, and for people who have signed in within a quarter of an hour. The response has the key, this once: only a hash of it is kept. It takes no Idempotency-Key, under which the response would be kept.',
        body: newApiKey,
        responses: { 201: { description: 'The key', schema: shownApiKey } },
        problems: [
          'SIGN_IN_NOT_RECENT',
          'UNKNOWN_SERVICE',
          'SERVICE_HAS_OTHER_ROLE',
          'SCOPES_REQUIRED',
          'SCOPES_NOT_ALLOWED',
        ],
      },
      async ({ body, caller, principal }) => {
        expectRecentSignIn(principal);
        const { service, role, kind, scopes, label = null, expiresInSeconds = null } = body;
        const wanted = { service, role, kind, scopes, label, expiresInSeconds, actor: caller };
        return withSecret(201, await createKey(db, wanted));
      },
    ),
    route(
      {
        methods: ['get'],
        path: PATH,
        access: ADMINS,
        tag: TAG,
        summary: 'List keys, newest first',
        query: listQuery,
        responses: { 200: { description: 'A page', schema: apiKeyPage } },
      },
      async ({ query: { cursor, ...filter } }) => okPage(await listKeys(db, { ...filter, after: cursor })),
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/{id}/rotate`,
        access: ADMINS,
        tag: TAG,
        summary: 'Make a key in the place of another',
        description:
          'With what that one may do, and as long a life. The old one goes on for `overlapSeconds`. A key is rotated once: KEY_ROTATED names its `successor`.',
        params: idParams,
        body: rotation,
        bodyOptional: true,
        responses: { 201: { description: 'The new key', schema: shownApiKey } },
        problems: ['SIGN_IN_NOT_RECENT', 'KEY_ENDED', 'KEY_ROTATED'],
      },
      async ({ params, body, caller, principal }) => {
        expectRecentSignIn(principal);
        const wanted = { id: params.id, overlapSeconds: body.overlapSeconds, actor: caller };
        return withSecret(201, await rotateKey(db, wanted).catch(noKey));
      },
    ),
    route(
      {
        methods: ['delete'],
        path: `${PATH}/{id}`,
        access: ADMINS,
        tag: TAG,
        summary: 'Revoke a key',
        description: 'It is refused from then on. Again, it changes nothing.',
        params: idParams,
        responses: { 200: { description: 'The key afterwards', schema: apiKey } },
      },
      async ({ params, caller }) => ok(await revokeKey(db, { id: params.id, actor: caller }).catch(noKey)),
    ),
  ];
}
