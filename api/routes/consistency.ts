import { z } from 'zod';
import { CHECKS } from '../../domain/assurance/checks/checks';
import { listFindings } from '../../domain/assurance/queries';
import { createJob, readJob } from '../../domain/jobs/jobs';
import { ok } from '../http/answer';
import type { ApiContext } from '../context';
import { cursorOf, encodeCursor } from '../http/cursor';
import { jobAccepted } from '../use-cases/job-answers';
import { keyedId, noteKey } from '../idempotency/keyed-call';
import { API_BASE } from '../use-cases/order-answers';
import { problem } from '../http/problems';
import { route, type Route } from '../http/route';
import { idParams, pageQuery } from '../schemas/common';
import { checkId, checkList, consistencyRequest, findingPage, severity } from '../schemas/consistency';
import { jobAcceptedBody } from '../schemas/jobs';

const TAG = 'Jobs';
const SCOPE = 'POST /jobs/consistency';

const findingsQuery = z.object({
  ...pageQuery,
  cursor: cursorOf(z.object({ id: z.int().min(0) })).optional(),
  check: checkId.optional(),
  severity: severity.optional(),
});

export function consistencyRoutes(context: ApiContext): Route[] {
  const { db } = context;

  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/jobs/consistency`,
        tag: TAG,
        summary: 'Check that stock, ledger, holds, orders and workflows agree',
        description:
          'Running traffic never looks like a finding: each check reads one snapshot. The result of the job counts the findings ' +
          'of each check; a script at `downloadUrl` repairs those that can be.',
        keyed: true,
        body: consistencyRequest,
        answers: { 202: { description: 'It will run', schema: jobAcceptedBody } },
        problems: ['VALIDATION_FAILED', 'IDEMPOTENCY_KEY_REUSED'],
      },
      async (call) => {
        const { body, caller } = call;
        const id = keyedId(call, 'consistency');
        const isRepeat = await noteKey(context, call, { what: SCOPE, request: body, subjectId: id });
        const job = await createJob(db, { id, type: 'consistency', input: body, actor: caller });
        return jobAccepted(job, isRepeat);
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/jobs/consistency/checks`,
        tag: TAG,
        summary: 'All consistency checks, and how what they find is repaired',
        answers: { 200: { description: 'The checks, in the order in which they run', schema: checkList } },
      },
      () => Promise.resolve(ok({ items: [...CHECKS].map(checkBody) })),
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/jobs/{id}/findings`,
        tag: TAG,
        summary: 'What a consistency job has found',
        params: idParams,
        query: findingsQuery,
        answers: { 200: { description: 'A page', schema: findingPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, query }) => {
        const job = await readJob(db, params.id);
        if (job?.type !== 'consistency') throw problem('NOT_FOUND', 'There is no such consistency job.');
        const { limit, offset, cursor, check, severity: wanted } = query;
        const found = await listFindings(db, {
          jobId: params.id,
          after: cursor?.id ?? 0,
          limit: limit + 1,
          offset,
          ...(check ? { check } : {}),
          ...(wanted ? { severity: wanted } : {}),
        });
        const items = found.slice(0, limit);
        const last = items.at(-1);
        return ok({ items, nextCursor: found.length > limit && last ? encodeCursor({ id: last.id }) : null });
      },
    ),
  ];
}

function checkBody({ id, title, severity: level, finding, repair }: (typeof CHECKS)[number]) {
  return { id, title, severity: level, finding, repair };
}
