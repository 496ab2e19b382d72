import { z } from 'zod';
import { listJobs, readJob, requestCancel } from '../../domain/jobs/jobs';
import { jobHasEnded } from '../../domain/jobs/rules';
import type { JobFile } from '../../domain/jobs/types';
import { isAppError } from '../../platform/errors';
import { ok } from '../http/answer';
import type { ApiContext } from '../context';
import { cursorOf, encodeCursor } from '../http/cursor';
import { DOWNLOADS } from '../http/downloads';
import { sendFile } from '../http/file-answer';
import { jobBody } from '../use-cases/job-answers';
import { streamJob } from '../streams/job-stream';
import { lastEventId } from '../streams/last-event-id';
import { API_BASE } from '../use-cases/order-answers';
import { problem } from '../http/problems';
import { route, type Route } from '../http/route';
import { idParams, pageQuery, uuid } from '../schemas/common';
import { job, jobPage, jobStatus, jobType } from '../schemas/jobs';

const TAG = 'Jobs';

const listQuery = z.object({
  ...pageQuery,
  cursor: cursorOf(z.object({ createdAtMicros: z.iso.datetime(), id: z.uuid() })).optional(),
  type: jobType.optional(),
  status: jobStatus.optional(),
});

const MEDIA_TYPES: Record<JobFile, string> = { csv: 'text/csv', sql: 'application/sql' };

export function jobRoutes(context: ApiContext): Route[] {
  const { db } = context;
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/jobs`,
        tag: TAG,
        summary: 'List jobs, newest first',
        query: listQuery,
        answers: { 200: { description: 'A page', schema: jobPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query }) => {
        const page = await listJobs(db, query);
        return ok({ items: page.items.map(jobBody), nextCursor: page.next && encodeCursor(page.next) });
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/jobs/{id}`,
        tag: TAG,
        summary: 'A job',
        params: idParams,
        answers: { 200: { description: 'The job', schema: job } },
      },
      async ({ params }) => ok(jobBody((await readJob(db, params.id)) ?? notFound())),
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/jobs/{id}/events`,
        tag: TAG,
        summary: 'A live stream of a job',
        description:
          'Server-sent events: `progress` with the whole job whenever it changes, then `completed`, `cancelled` or `failed`, ' +
          'and the stream ends. `Last-Event-ID` leaves out what was seen. 204: it has ended and the client has seen that.',
        params: idParams,
        answers: {
          200: { description: 'The stream', content: { 'text/event-stream': z.string() } },
          204: { description: 'Nothing is left to stream' },
        },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, req, res }) => {
        const found = (await readJob(db, params.id)) ?? notFound();
        const after = lastEventId(req.get('last-event-id'));
        if (jobHasEnded(found.status) && found.version <= after) res.status(204).end();
        else await streamJob(context, res, { job: found, after });
        return null;
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/jobs/{id}/cancel`,
        tag: TAG,
        summary: 'Cancel a job',
        description:
          'It stops at its next step. What it has done stays done, and its result tells. Safe to repeat.',
        params: idParams,
        answers: { 202: { description: 'It will stop, or has been cancelled', schema: job } },
        problems: ['JOB_ENDED'],
      },
      async ({ params }) => {
        const cancelled = await requestCancel(db, params.id).catch((error: unknown) => {
          throw isAppError(error, 'JOB_NOT_FOUND') ? noSuchJob() : error;
        });
        return { status: 202, body: jobBody(cancelled) };
      },
    ),
    download(context, 'csv', 'What a job has to tell, as a table: the rejected rows of a feed'),
    download(context, 'sql', 'The repair script of a consistency check'),
  ];
}

function download({ db }: ApiContext, file: JobFile, summary: string): Route {
  return route(
    {
      methods: ['get'],
      path: `${API_BASE}/downloads/{jobId}.${file}`,
      tag: TAG,
      summary,
      params: z.object({ jobId: uuid }),
      answers: { 200: { description: 'The file', content: { [MEDIA_TYPES[file]]: z.string() } } },
    },
    async ({ params: { jobId }, res, signal }) => {
      const found = await readJob(db, jobId);
      const writer = found?.file === file ? DOWNLOADS[found.type] : undefined;
      if (writer?.file !== file) throw problem('NOT_FOUND', 'There is no such file.');
      const name = `${jobId}.${file}`;
      await sendFile(res, { mediaType: MEDIA_TYPES[file], name, pieces: writer.write(db, jobId) }, signal);
      return null;
    },
  );
}

function notFound(): never {
  throw noSuchJob();
}

function noSuchJob(): Error {
  return problem('NOT_FOUND', 'There is no such job.');
}
