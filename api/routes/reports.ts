import type { Response } from 'express';
import { z } from 'zod';
import { costReport } from '../../domain/reports/cost';
import { costCsv, salesCsv } from '../../domain/reports/csv';
import { requestReport } from '../../domain/reports/files';
import { dailyReport, monthlyReport } from '../../domain/reports/sales';
import { OPERATORS } from '../http/access';
import { sendFile } from '../http/file-response';
import { API_BASE } from '../http/paths';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { idForKey, recordKey } from '../idempotency/idempotency-key';
import { jobAcceptedBody } from '../schemas/jobs';
import {
  costReport as costReportSchema,
  dailyCsvQuery,
  dailyQuery,
  monthlyCsvQuery,
  monthlyQuery,
  reportRequest,
  salesReport,
} from '../schemas/reports';
import type { ApiContext } from '../services/context';
import { jobAccepted } from '../use-cases/job-responses';

const PATH = `${API_BASE}/admin/reports`;

const COMMON = {
  methods: ['get'],
  access: OPERATORS,
  tag: 'Reports',
  limit: 'reports',
} as const;

const PROBLEMS = ['REPORTS_BUILDING', 'UNKNOWN_ZONE', 'VALIDATION_FAILED'] as const;

const CSV = { 200: { description: 'The file', content: { 'text/csv': z.string() } } };

/** All products: a file is not cut. */
const ALL = Number.POSITIVE_INFINITY;

const SCOPE = 'POST /jobs/report';

export function reportRoutes(context: ApiContext): Route[] {
  const { db, reports } = context;
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/jobs/report`,
        access: OPERATORS,
        tag: 'Jobs',
        summary: 'Make the file of a report',
        description: 'What `/admin/reports/…csv` has when the job runs, kept as its download.',
        keyed: true,
        body: reportRequest,
        responses: { 202: { description: 'It will run, or has run', schema: jobAcceptedBody } },
        problems: ['IDEMPOTENCY_KEY_REUSED', 'UNKNOWN_ZONE', 'VALIDATION_FAILED'],
      },
      async (call) => {
        const { body, receivedBody, caller } = call;
        const jobId = idForKey(call, 'report');
        const use = { scope: SCOPE, request: body, received: receivedBody, subjectId: jobId };
        const isRepeat = await recordKey(context, call, use);
        const { report, tz } = body;
        const period = body.report === 'daily' ? body.date : body.month;
        const job = await requestReport(db, { jobId, request: { report, period, tz }, actor: caller });
        return jobAccepted(job, isRepeat);
      },
    ),
    route(
      {
        ...COMMON,
        path: `${PATH}/daily`,
        summary: 'What was sold on a day, and what money moved',
        description:
          'By hour, product, category, warehouse and merchant, right to the last transaction. A sale is a unit that left with a parcel. Amounts of two currencies never add.',
        query: dailyQuery,
        responses: { 200: { description: 'The report', schema: salesReport } },
        problems: PROBLEMS,
      },
      async ({ query }) => ok(await dailyReport(reports, query)),
    ),
    route(
      {
        ...COMMON,
        path: `${PATH}/daily.csv`,
        summary: 'The same as a table, with all products',
        query: dailyCsvQuery,
        responses: CSV,
        problems: PROBLEMS,
      },
      async ({ query, res, signal }) => {
        const report = await dailyReport(reports, { ...query, products: ALL });
        await sendCsv(res, signal, `sales-${query.date}`, salesCsv(report));
        return null;
      },
    ),
    route(
      {
        ...COMMON,
        path: `${PATH}/monthly`,
        summary: 'What was sold in a month, and what money moved',
        description: 'As the daily report, by day.',
        query: monthlyQuery,
        responses: { 200: { description: 'The report', schema: salesReport } },
        problems: PROBLEMS,
      },
      async ({ query }) => ok(await monthlyReport(reports, query)),
    ),
    route(
      {
        ...COMMON,
        path: `${PATH}/monthly.csv`,
        summary: 'The same as a table, with all products',
        query: monthlyCsvQuery,
        responses: CSV,
        problems: PROBLEMS,
      },
      async ({ query, res, signal }) => {
        const report = await monthlyReport(reports, { ...query, products: ALL });
        await sendCsv(res, signal, `sales-${query.month}`, salesCsv(report));
        return null;
      },
    ),
    route(
      {
        ...COMMON,
        path: `${PATH}/cost-of-goods`,
        summary: 'What the goods cost that left in a month, by product',
        description:
          'Each unit at the weighted average of its product when it left. Of a month that is not over: up to now.',
        query: monthlyCsvQuery,
        responses: { 200: { description: 'The report', schema: costReportSchema } },
        problems: PROBLEMS,
      },
      async ({ query }) => ok(await costReport(reports, query)),
    ),
    route(
      {
        ...COMMON,
        path: `${PATH}/cost-of-goods.csv`,
        summary: 'The same as a table',
        query: monthlyCsvQuery,
        responses: CSV,
        problems: PROBLEMS,
      },
      async ({ query, res, signal }) => {
        await sendCsv(res, signal, `cost-of-goods-${query.month}`, costCsv(await costReport(reports, query)));
        return null;
      },
    ),
  ];
}

async function sendCsv(res: Response, signal: AbortSignal, name: string, text: string): Promise<void> {
  const file = { mediaType: 'text/csv; charset=utf-8', name: `${name}.csv`, pieces: [text] };
  await sendFile(res, file, signal);
}
