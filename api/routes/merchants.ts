import { z } from 'zod';
import {
  createMerchant,
  listMerchants,
  readMerchant,
  updateMerchant,
} from '../../domain/catalog/edit-merchants';
import { createFeeRule, listFeeRules } from '../../domain/money/fee-rules';
import { OPERATORS } from '../http/access';
import { cursorOf } from '../http/cursor';
import { ifMatchHeader, seenVersions, tagged } from '../http/entity-tag';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { asNotFound, notFound } from '../http/problems';
import { route, type Route } from '../http/route';
import { runOnce } from '../idempotency/run-once';
import {
  feeRule,
  feeRulePage,
  merchant,
  merchantPage,
  merchantUpdate,
  newFeeRule,
  newMerchant,
} from '../schemas/catalogue';
import { cursorName, name, pageQuery, rowNumber } from '../schemas/common';
import type { ApiContext } from '../services/context';

const TAG = 'Money';
const NO_MERCHANT = 'There is no such merchant.';
const noMerchant = asNotFound('UNKNOWN_MERCHANT', NO_MERCHANT);

const merchantQuery = z.strictObject({
  ...pageQuery,
  cursor: cursorOf(z.object({ id: cursorName })).optional(),
});
const feeRuleQuery = z.strictObject({
  ...pageQuery,
  cursor: cursorOf(z.object({ id: rowNumber })).optional(),
});
const merchantParams = z.object({ id: name(50) });

export function merchantRoutes(context: ApiContext): Route[] {
  const { db } = context;
  const path = `${API_BASE}/merchants`;
  const one = { description: 'The merchant, with its `ETag`', schema: merchant };
  return [
    route(
      {
        methods: ['get'],
        path,
        access: OPERATORS,
        tag: TAG,
        summary: 'List merchants, by id',
        query: merchantQuery,
        responses: { 200: { description: 'A page', schema: merchantPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...page } }) =>
        okPage(await listMerchants(db, { ...page, after: cursor?.id })),
    ),
    route(
      {
        methods: ['post'],
        path,
        access: OPERATORS,
        tag: TAG,
        summary: 'Add a merchant',
        description: 'An id that differs from another only by capitals is refused.',
        keyed: true,
        body: newMerchant,
        responses: { 201: one },
        problems: [
          'DUPLICATE_NAME',
          'IDEMPOTENCY_IN_FLIGHT',
          'IDEMPOTENCY_KEY_REUSED',
          'UNKNOWN_ZONE',
          'VALIDATION_FAILED',
        ],
      },
      (call) =>
        runOnce(context, call, 'POST /merchants', async () => {
          const { id, ...fields } = call.body;
          const isRepeat = call.idempotencyKey !== null;
          const made = await createMerchant(db, id, fields, { isRepeat, actor: call.caller });
          const { headers, ...response } = tagged(201, made);
          return { ...response, headers: { ...headers, location: `${path}/${encodeURIComponent(id)}` } };
        }),
    ),
    route(
      {
        methods: ['get'],
        path: `${path}/{id}`,
        access: OPERATORS,
        tag: TAG,
        summary: 'A merchant',
        params: merchantParams,
        responses: { 200: one },
      },
      async ({ params }) => {
        const found = await readMerchant(db, params.id);
        if (!found) throw notFound(NO_MERCHANT);
        return tagged(200, found);
      },
    ),
    route(
      {
        methods: ['put'],
        path: `${path}/{id}`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Change a merchant',
        description:
          'A new time zone holds for money that moves from now on: days of before stay as they were.',
        headers: ifMatchHeader,
        params: merchantParams,
        body: merchantUpdate,
        responses: { 200: one },
        problems: ['PRECONDITION_FAILED', 'PRECONDITION_REQUIRED', 'UNKNOWN_ZONE', 'VALIDATION_FAILED'],
      },
      async ({ params, body, req, caller: actor }) => {
        const seen = seenVersions(req.get('if-match'));
        return tagged(200, await updateMerchant(db, params.id, body, { seen, actor }));
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${path}/{id}/fee-rules`,
        access: OPERATORS,
        tag: TAG,
        summary: 'What a merchant is charged: its rules, the newest first',
        params: merchantParams,
        query: feeRuleQuery,
        responses: { 200: { description: 'A page', schema: feeRulePage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, query: { cursor, ...page } }) =>
        okPage(await listFeeRules(db, params.id, { ...page, before: cursor?.id ?? null }).catch(noMerchant)),
    ),
    route(
      {
        methods: ['post'],
        path: `${path}/{id}/fee-rules`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Add a rule by which a merchant is charged',
        description:
          'Of each capture from `effectiveFrom` on, until the next rule of the currency: `rateBasisPoints` of the amount, rounded half to even, and `fixedMinor`, together at least `minimumMinor` and at most `maximumMinor`. Rules are never changed.',
        keyed: true,
        params: merchantParams,
        body: newFeeRule,
        responses: { 201: { description: 'The rule', schema: feeRule } },
        problems: [
          'DUPLICATE_NAME',
          'FEE_RULE_TOO_EARLY',
          'IDEMPOTENCY_IN_FLIGHT',
          'IDEMPOTENCY_KEY_REUSED',
          'VALIDATION_FAILED',
        ],
      },
      (call) =>
        runOnce(context, call, `POST /merchants/${call.params.id}/fee-rules`, async () => {
          const { effectiveFrom = null, ...terms } = call.body;
          const isRepeat = call.idempotencyKey !== null;
          const rule = await createFeeRule(
            db,
            call.params.id,
            { ...terms, effectiveFrom },
            { isRepeat, actor: call.caller },
          ).catch(noMerchant);
          return { status: 201, body: rule };
        }),
    ),
  ];
}
