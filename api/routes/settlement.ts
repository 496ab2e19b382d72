import { requestSettlement } from '../../domain/settlement/settlement';
import { OPERATORS } from '../http/access';
import { API_BASE } from '../http/paths';
import { route, type Route } from '../http/route';
import { idForKey, recordKey } from '../idempotency/idempotency-key';
import { jobAcceptedBody, settlementRequest } from '../schemas/jobs';
import type { ApiContext } from '../services/context';
import { jobAccepted } from '../use-cases/job-responses';

const SCOPE = 'POST /jobs/settlement';

export function settlementRoutes(context: ApiContext): Route[] {
  const { db, settings } = context;
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/jobs/settlement`,
        access: OPERATORS,
        tag: 'Jobs',
        summary: "Make a file of what each merchant's money came to, day by day",
        description:
          'Both days are included. The same days again give the same job, unless it is to be a supplement. What is written of a day after it was in a file is in the next one, under its own day: nothing is in two files, or in none.',
        keyed: true,
        body: settlementRequest,
        responses: { 202: { description: 'It will run, or has run', schema: jobAcceptedBody } },
        problems: [
          'CURRENCY_REQUIRED',
          'DAY_NOT_ENDED',
          'IDEMPOTENCY_KEY_REUSED',
          'JOB_QUEUE_FULL',
          'UNKNOWN_MERCHANT',
          'VALIDATION_FAILED',
        ],
      },
      async (call) => {
        const { body, receivedBody, caller } = call;
        const jobId = idForKey(call, 'settlement');
        const use = { scope: SCOPE, request: body, received: receivedBody, subjectId: jobId };
        const isRepeat = await recordKey(context, call, use);
        const queueSize = settings.JOB_QUEUE_SIZE;
        const job = await requestSettlement(db, { jobId, request: body, actor: caller, queueSize });
        return jobAccepted(job, isRepeat);
      },
    ),
  ];
}
