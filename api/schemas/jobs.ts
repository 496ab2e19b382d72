import { z } from 'zod';
import { JOB_STATUSES, JOB_TYPES, type JobView } from '../../domain/jobs/types';
import { API_BASE } from '../http/paths';
import { givenCurrency } from './catalogue';
import { count, date, DAYS_IN_ORDER, daysWithin, name, pageOf, time, uuid } from './common';

export const jobType = z.enum(JOB_TYPES);
export const jobStatus = z.enum(JOB_STATUSES);

export const jobAcceptedBody = z.object({ jobId: uuid, status: jobStatus }).meta({ id: 'JobAccepted' });

export const job = z
  .object({
    jobId: uuid,
    type: jobType,
    status: jobStatus,
    progress: z.int().min(0).max(100).meta({ description: 'Per cent; 100 only when it is completed' }),
    processed: count,
    total: count.nullable(),
    rowsPerSecond: count.nullable(),
    rejected: count.nullable().meta({ description: 'Rows that were refused so far' }),
    details: z
      .record(z.string(), z.unknown())
      .meta({ description: 'What this type of job says of its course' }),
    result: z.record(z.string(), z.unknown()).nullable(),
    downloadUrl: z.string().nullable(),
    error: z.object({ code: z.string(), detail: z.string() }).nullable(),
    cancelRequested: z.boolean(),
    createdAt: time,
    startedAt: time.nullable(),
    finishedAt: time.nullable(),
    acknowledged: z
      .object({ at: time, by: z.string(), note: z.string().nullable() })
      .nullable()
      .meta({ description: 'Of one that failed: who has seen that, and what they did' }),
  })
  .meta({ id: 'Job' });

export const jobCancel = z
  .strictObject({
    force: z.boolean().default(false).meta({
      description: 'Also within its step, where that is a statement of a settlement or a reconciliation',
    }),
  })
  .default({ force: false })
  .meta({ id: 'JobCancel' });

export const settlementRequest = z
  .strictObject({
    from: date.meta({ description: 'The first day, where each merchant is' }),
    to: date.meta({ description: 'The last day, which is over where each merchant is' }),
    merchant: name(50).nullable().default(null).meta({ description: 'Id of the only merchant; absent: all' }),
    currency: givenCurrency.nullable().default(null),
    supplement: z
      .boolean()
      .default(false)
      .meta({ description: 'A file about what came since, also where there is one of the same days' }),
  })
  .refine(...DAYS_IN_ORDER)
  .refine(...daysWithin(3_660))
  .meta({ id: 'SettlementRequest' });

export const jobPage = pageOf('JobPage', job);

/** A job as clients see it. */
export function jobBody({ file, version: _version, ...view }: JobView): Record<string, unknown> {
  return { ...view, downloadUrl: file && `${API_BASE}/downloads/${view.jobId}.${file}` };
}
