import { z } from 'zod';
import {
  changeWebhook,
  createWebhook,
  listDeliveries,
  listWebhooks,
  readWebhook,
  redeliver,
  removeWebhook,
  rotateSecret,
} from '../../domain/webhooks/webhooks';
import { allowedNetworks } from '../../integrations/webhook-sender/address';
import { ADMINS, expectRecentSignIn, OPERATORS } from '../http/access';
import { cursorOf } from '../http/cursor';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { asNotFound } from '../http/problems';
import { ok, withSecret } from '../http/response';
import { route, type Route } from '../http/route';
import { idParams, newestCursor, pageQuery, rowNumber } from '../schemas/common';
import {
  changedWebhookBody,
  deliveryPage,
  deliveryStatus,
  newWebhookBody,
  redelivered,
  redelivery,
  rotatedWebhook,
  secretRotation,
  shownWebhook,
  webhook,
  webhookPage,
} from '../schemas/webhooks';
import type { ApiContext } from '../services/context';

const TAG = 'Webhooks';
const PATH = `${API_BASE}/webhooks`;
const ONE = `${PATH}/{id}`;

const noWebhook = asNotFound('WEBHOOK_NOT_FOUND', 'There is no such webhook.');

/** Who is told of events, and what became of that. */
export function webhookRoutes(context: ApiContext): Route[] {
  return [...managing(context), ...delivering(context)];
}

function managing({ db, webhookSecrets: secrets, settings }: ApiContext): Route[] {
  const allowed = allowedNetworks(settings.WEBHOOK_ALLOWED_NETWORKS);
  return [
    route(
      {
        methods: ['post'],
        path: PATH,
        access: ADMINS,
        tag: TAG,
        summary: 'Have events sent to an address from now on',
        description:
          'By the Standard Webhooks specification. The response has the secret, this once. It takes no Idempotency-Key, under which the response would be kept.',
        body: newWebhookBody(allowed),
        responses: { 201: { description: 'The webhook', schema: shownWebhook } },
        problems: ['SIGN_IN_NOT_RECENT', 'WEBHOOKS_NOT_SET_UP'],
      },
      async ({ body, caller, principal }) => {
        expectRecentSignIn(principal);
        return withSecret(201, await createWebhook({ db, secrets }, body, caller));
      },
    ),
    route(
      {
        methods: ['get'],
        path: PATH,
        access: OPERATORS,
        tag: TAG,
        summary: 'Webhooks, newest first',
        query: z.strictObject({ ...pageQuery, cursor: newestCursor }),
        responses: { 200: { description: 'A page', schema: webhookPage } },
      },
      async ({ query: { cursor, ...page } }) => okPage(await listWebhooks(db, { ...page, after: cursor })),
    ),
    route(
      {
        methods: ['get'],
        path: ONE,
        access: OPERATORS,
        tag: TAG,
        summary: 'A webhook',
        params: idParams,
        responses: { 200: { description: 'The webhook', schema: webhook } },
      },
      async ({ params: { id } }) => ok(await readWebhook(db, id).catch(noWebhook)),
    ),
    route(
      {
        methods: ['put'],
        path: ONE,
        access: ADMINS,
        tag: TAG,
        summary: 'Change, disable or enable a webhook',
        params: idParams,
        body: changedWebhookBody(allowed),
        responses: { 200: { description: 'The webhook afterwards', schema: webhook } },
        problems: ['SIGN_IN_NOT_RECENT'],
      },
      async ({ params: { id }, body, caller, principal }) => {
        expectRecentSignIn(principal);
        return ok(await changeWebhook(db, id, body, caller).catch(noWebhook));
      },
    ),
    route(
      {
        methods: ['delete'],
        path: ONE,
        access: ADMINS,
        tag: TAG,
        summary: 'Remove a webhook, with the log of its deliveries',
        params: idParams,
        responses: { 204: { description: 'It is gone' } },
        problems: ['SIGN_IN_NOT_RECENT'],
      },
      async ({ params: { id }, caller, principal, res }) => {
        expectRecentSignIn(principal);
        await removeWebhook(db, id, caller).catch(noWebhook);
        res.status(204).end();
        return null;
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${ONE}/rotate-secret`,
        access: ADMINS,
        tag: TAG,
        summary: 'Give a webhook a new secret',
        description: 'The response has it, this once. The one before signs as well for `overlapSeconds`.',
        params: idParams,
        body: secretRotation,
        bodyOptional: true,
        responses: { 200: { description: 'The webhook with its new secret', schema: rotatedWebhook } },
        problems: ['SIGN_IN_NOT_RECENT', 'WEBHOOKS_NOT_SET_UP'],
      },
      async ({ params: { id }, body: { overlapSeconds }, caller, principal }) => {
        expectRecentSignIn(principal);
        const rotation = { overlapSeconds, actor: caller };
        return withSecret(200, await rotateSecret({ db, secrets }, id, rotation).catch(noWebhook));
      },
    ),
  ];
}

function delivering({ db }: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: `${ONE}/deliveries`,
        access: OPERATORS,
        tag: TAG,
        summary: 'What became of events, the latest first',
        params: idParams,
        query: z.strictObject({
          ...pageQuery,
          cursor: cursorOf(z.object({ before: rowNumber })).optional(),
          status: deliveryStatus.optional(),
        }),
        responses: { 200: { description: 'A page', schema: deliveryPage } },
      },
      async ({ params: { id }, query: { cursor, ...filter } }) =>
        okPage(
          await listDeliveries(db, { ...filter, webhookId: id, before: cursor?.before }).catch(noWebhook),
        ),
    ),
    route(
      {
        methods: ['post'],
        path: `${ONE}/redeliver`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Have events delivered again',
        description:
          'Those of its types with positions from `from` to `to`, also such as came before the webhook. What waits for its next try stays as it is.',
        params: idParams,
        body: redelivery,
        responses: { 200: { description: 'What is due by it', schema: redelivered } },
        problems: ['EVENTS_EXPIRED', 'EVENTS_AHEAD'],
      },
      async ({ params: { id }, body, caller }) =>
        ok({ planned: await redeliver(db, id, { ...body, actor: caller }).catch(noWebhook) }),
    ),
  ];
}
