import { z } from 'zod';
import { viewerOf } from '../../domain/identity/rules';
import { listJobs, readJob, requestCancel } from '../../domain/jobs/jobs';
import type { JobFile } from '../../domain/jobs/types';
import { JOBS, OWN_JOB } from '../http/access';
import { sendFile } from '../http/file-response';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { notFound, asNotFound } from '../http/problems';
import { okOrNotFound } from '../http/response';
import { route, type Route } from '../http/route';
import { idParams, newestCursor, pageQuery, uuid } from '../schemas/common';
import { job, jobBody, jobCancel, jobPage, jobStatus, jobType } from '../schemas/jobs';
import type { ApiContext } from '../services/context';
import { jobSource } from '../streams/job-source';
import { lastEventId } from '../streams/last-event-id';
import { sendFollowed } from '../streams/server-sent-events';
import { DOWNLOADS } from '../use-cases/job-downloads';

const TAG = 'Jobs';

const listQuery = z.object({
  ...pageQuery,
  cursor: newestCursor,
  type: jobType.optional(),
  status: jobStatus.optional(),
});

const NO_JOB = 'There is no such job.';

const MEDIA_TYPES: Record<JobFile, string> = { csv: 'text/csv', sql: 'application/sql' };

export function jobRoutes(context: ApiContext): Route[] {
  const { db, reports } = context;

  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/jobs`,
        access: JOBS,
        tag: TAG,
        summary: 'List jobs, newest first',
        query: listQuery,
        responses: { 200: { description: 'A page', schema: jobPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ principal, query }) => {
        const page = await listJobs(reports, { ...query, actors: viewerOf(principal).owners });
        return okPage({ ...page, items: page.items.map(jobBody) });
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/jobs/{id}`,
        access: OWN_JOB,
        tag: TAG,
        summary: 'A job',
        params: idParams,
        responses: { 200: { description: 'The job', schema: job } },
      },
      async ({ params }) => {
        const found = await readJob(db, params.id);
        return okOrNotFound(found && jobBody(found), NO_JOB);
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/jobs/{id}/events`,
        access: OWN_JOB,
        tag: TAG,
        summary: 'A live stream of a job',
        description:
          'Server-sent events: `progress` with the whole job whenever it changes, then `completed`, `cancelled` or `failed`, ' +
          'and the stream ends. `Last-Event-ID` leaves out what was seen; 422 `EVENTS_AHEAD`: there is none such yet. 204: it has ended and the client has seen that.',
        params: idParams,
        responses: {
          200: { description: 'The stream', content: { 'text/event-stream': z.string() } },
          204: { description: 'Nothing is left to stream' },
        },
        problems: ['VALIDATION_FAILED', 'EVENTS_AHEAD', 'TOO_MANY_STREAMS', 'OVERLOADED'],
      },
      async ({ params, req, res }) => {
        const after = lastEventId(req.get('last-event-id'));
        const followed = jobSource(context, params.id);
        const first = await followed.read(after);
        if (!first) throw notFound(NO_JOB);
        if (first.ended && first.messages.length === 0) res.status(204).end();
        else await sendFollowed(context, res, followed, { first, after });
        return null;
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/jobs/{id}/cancel`,
        access: OWN_JOB,
        tag: TAG,
        summary: 'Cancel a job',
        description:
          'It stops at its next step. What it has done stays done, and its result tells. Safe to repeat.',
        params: idParams,
        body: jobCancel,
        responses: { 202: { description: 'It will stop, or has been cancelled', schema: job } },
        problems: ['JOB_ENDED', 'VALIDATION_FAILED'],
      },
      async ({ params, body, caller }) => {
        const cancelled = await requestCancel(db, params.id, caller, body).catch(
          asNotFound('JOB_NOT_FOUND', NO_JOB),
        );
        return { status: 202, body: jobBody(cancelled) };
      },
    ),
    download(
      context,
      'csv',
      'What a job has to tell, as a table: the rejected rows of a feed, a settlement file',
    ),
    download(context, 'sql', 'The repair script of a consistency check'),
  ];
}

function download({ db, reports, files, log }: ApiContext, file: JobFile, summary: string): Route {
  return route(
    {
      methods: ['get'],
      path: `${API_BASE}/downloads/{jobId}.${file}`,
      access: OWN_JOB,
      tag: TAG,
      limit: 'reports',
      summary,
      params: z.object({ jobId: uuid }),
      responses: { 200: { description: 'The file', content: { [MEDIA_TYPES[file]]: z.string() } } },
      problems: ['FILE_STORE_UNAVAILABLE'],
    },
    async ({ params: { jobId }, res, signal }) => {
      const found = await readJob(db, jobId);
      const writer = found?.file === file ? DOWNLOADS[found.type] : undefined;
      if (writer?.file !== file) throw notFound('There is no such file.');
      const name = `${jobId}.${file}`;
      await sendFile(
        res,
        {
          mediaType: MEDIA_TYPES[file],
          name,
          pieces: writer.write({ on: reports, store: files, log }, jobId),
        },
        signal,
      );
      return null;
    },
  );
}
