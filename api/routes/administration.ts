import { z } from 'zod';
import { listWaiting } from '../../domain/administration/attention';
import { listLowStock } from '../../domain/administration/low-stock';
import { acknowledgeJob } from '../../domain/jobs/jobs';
import { retryWork } from '../../domain/administration/retry';
import { WORK } from '../../domain/stock/alerts/types';
import { OPERATORS } from '../http/access';
import { cursorOf } from '../http/cursor';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { asNotFound } from '../http/problems';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import {
  jobAcknowledgement,
  lowStockFilter,
  lowStockPage,
  retriedWork,
  waitingKind,
  waitingPage,
  workRetry,
} from '../schemas/administration';
import { cursorTime, idParams, pageQuery } from '../schemas/common';
import { job, jobBody } from '../schemas/jobs';
import type { ApiContext } from '../services/context';

const TAG = 'Administration';
const PATH = `${API_BASE}/admin`;

/** What waits for a person, where stock is low, and letting what failed be tried again. */
export function administrationRoutes({ db, reports }: Pick<ApiContext, 'db' | 'reports'>): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: `${PATH}/attention`,
        access: OPERATORS,
        tag: TAG,
        summary: 'List everything that waits for a person, longest first',
        description:
          'Orders that need somebody, failed work and jobs, what a check found, counts that await a decision, open quality holds, returns to inspect, messages that nobody carries, and every alert that is not about the level of the stock. ' +
          'Each says why, since when, and what to do next. It ends when its cause is gone.',
        query: z.strictObject({
          limit: pageQuery.limit,
          cursor: cursorOf(z.object({ sinceMicros: cursorTime, key: z.string().max(200) })).optional(),
          kind: waitingKind.optional(),
        }),
        responses: { 200: { description: 'A page', schema: waitingPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...filter } }) =>
        okPage(await listWaiting(reports, { ...filter, after: cursor })),
    ),
    route(
      {
        methods: ['get'],
        path: `${PATH}/inventory/low-stock`,
        access: OPERATORS,
        tag: TAG,
        summary: 'List places where stock is low or gone, longest first',
        description:
          'As their alerts say, see the thresholds; with the numbers of now and what is on its way.',
        query: z.strictObject({ ...pageQuery, cursor: cursorOf(z.uuid()).optional(), ...lowStockFilter }),
        responses: { 200: { description: 'A page', schema: lowStockPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, status, ...filter } }) =>
        okPage(await listLowStock(reports, { ...filter, kind: status, after: cursor })),
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/work/retry`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Let failed work be tried again now',
        description:
          'All of it, of one kind, or on one subject; at most a thousand, those first that would wait longest. `more` says that others still wait: ask again. It is done when that work runs next.',
        body: workRetry,
        bodyOptional: true,
        responses: { 200: { description: 'What is tried again', schema: retriedWork } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ body, caller: actor }) => {
        const found = await retryWork(db, { ...body, actor });
        return ok({
          items: found.items.map((one) => ({ ...one, nextAttempt: WORK[one.work].nextAttempt })),
          more: found.more,
        });
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/jobs/{id}/acknowledge`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Say that somebody has seen that a job failed',
        description: 'It waits for nobody then. Safe to repeat: who was first stays.',
        params: idParams,
        body: jobAcknowledgement,
        bodyOptional: true,
        responses: { 200: { description: 'The job', schema: job } },
        problems: ['JOB_NOT_FAILED', 'VALIDATION_FAILED'],
      },
      async ({ params, body, caller }) => {
        const given = { id: params.id, by: caller, note: body.note ?? null };
        return ok(
          jobBody(
            await acknowledgeJob(db, given).catch(asNotFound('JOB_NOT_FOUND', 'There is no such job.')),
          ),
        );
      },
    ),
  ];
}
