import { z } from 'zod';
import { CHECKS } from '../../domain/assurance/checks/checks';
import { listFindings } from '../../domain/assurance/findings';
import { createJob, readJob } from '../../domain/jobs/jobs';
import { OPERATORS } from '../http/access';
import { cursorOf } from '../http/cursor';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { notFound } from '../http/problems';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { idForKey, recordKey } from '../idempotency/idempotency-key';
import { idParams, pageQuery, rowNumber } from '../schemas/common';
import { checkId, checkList, consistencyRequest, findingPage, severity } from '../schemas/consistency';
import { jobAcceptedBody } from '../schemas/jobs';
import type { ApiContext } from '../services/context';
import { jobAccepted } from '../use-cases/job-responses';

const TAG = 'Jobs';
const SCOPE = 'POST /jobs/consistency';

const findingsQuery = z.object({
  ...pageQuery,
  cursor: cursorOf(z.object({ id: rowNumber })).optional(),
  check: checkId.optional(),
  severity: severity.optional(),
});

export function consistencyRoutes(context: ApiContext): Route[] {
  const { db, reports } = context;

  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/jobs/consistency`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Check that stock, ledger, holds, orders and workflows agree',
        description:
          'Running traffic never looks like a finding: each check reads one snapshot. The result of the job counts the findings ' +
          'of each check; a script at `downloadUrl` repairs those that can be.',
        keyed: true,
        body: consistencyRequest,
        responses: { 202: { description: 'It will run', schema: jobAcceptedBody } },
        problems: ['VALIDATION_FAILED', 'IDEMPOTENCY_KEY_REUSED'],
      },
      async (call) => {
        const { body, receivedBody, caller } = call;
        const id = idForKey(call, 'consistency');
        const use = { scope: SCOPE, request: body, received: receivedBody, subjectId: id };
        const isRepeat = await recordKey(context, call, use);
        const job = await createJob(db, { id, type: 'consistency', input: body, actor: caller });
        return jobAccepted(job, isRepeat);
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/jobs/consistency/checks`,
        access: OPERATORS,
        tag: TAG,
        summary: 'All consistency checks, and how what they find is repaired',
        responses: { 200: { description: 'The checks, in the order in which they run', schema: checkList } },
      },
      () => Promise.resolve(ok({ items: [...CHECKS].map(checkBody) })),
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/jobs/{id}/findings`,
        access: OPERATORS,
        tag: TAG,
        summary: 'What a consistency job has found',
        params: idParams,
        query: findingsQuery,
        responses: { 200: { description: 'A page', schema: findingPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, query }) => {
        const job = await readJob(db, params.id);
        if (job?.type !== 'consistency') throw notFound('There is no such consistency job.');
        const { limit, offset, cursor, check, severity: wanted } = query;
        const page = await listFindings(reports, {
          jobId: params.id,
          after: cursor?.id,
          limit,
          offset,
          check,
          severity: wanted,
        });
        return okPage({ ...page, next: page.next === null ? null : { id: page.next } });
      },
    ),
  ];
}

function checkBody({ id, title, severity: level, finding, repair }: (typeof CHECKS)[number]) {
  return { id, title, severity: level, finding, repair };
}
