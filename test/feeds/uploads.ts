import type { Database } from '../../platform/database/database';
import type { Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { AS_ADMIN } from '../support/access-keys';

export interface JobBody {
  jobId: string;
  type: string;
  status: string;
  progress: number;
  processed: number;
  total: number | null;
  rejected: number | null;
  details: Record<string, unknown>;
  result: unknown;
  error: unknown;
}

export interface FeedReply {
  status: number;
  headers: Headers;
  text: string;
  body: Record<string, unknown>;
}

export interface UploadOptions {
  query?: string;
  type?: string;
  headers?: Record<string, string>;
}

export interface Message {
  id: number;
  event: string;
  data: JobBody;
}

/** What tests do with feeds and jobs, over HTTP. */
export interface Uploads {
  post(body: string | Buffer, options?: UploadOptions): Promise<FeedReply>;
  /** The same, and it must be taken. */
  accepted(body: string | Buffer, options?: UploadOptions): Promise<{ jobId: string }>;
  get(path: string, headers?: Record<string, string>): Promise<FeedReply>;
  send(method: string, path: string): Promise<FeedReply>;
  job(jobId: string): Promise<JobBody>;
  /** Once it has ended. */
  ended(jobId: string): Promise<JobBody>;
  list(query: string): Promise<{ items: JobBody[]; nextCursor: string | null }>;
  /** Its live stream, to the end. */
  stream(jobId: string): Promise<Message[]>;
  jobCount(): Promise<number>;
}

const ENDED = ['completed', 'cancelled', 'failed'];

/** @param path where uploads are sent */
export function openUploads(stack: Pick<Stack, 'url' | 'db'>, path = '/jobs/feed'): Uploads {
  async function call(address: string, init: RequestInit): Promise<FeedReply> {
    const headers = { ...AS_ADMIN, ...(init.headers as Record<string, string> | undefined) };
    const response = await fetch(`${stack.url}${address}`, { ...init, headers });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    const body = isJson ? (JSON.parse(text) as Record<string, unknown>) : {};
    return { status: response.status, headers: response.headers, text, body };
  }
  const uploads: Uploads = {
    post: (body, { query = '', type = 'text/csv', headers } = {}) =>
      call(`${path}${query}`, { method: 'POST', body, headers: { 'content-type': type, ...headers } }),
    async accepted(body, options) {
      const reply = await uploads.post(body, options);
      if (reply.status !== 202) throw new Error(`not accepted: ${reply.text}`);
      return { jobId: String(reply.body['jobId']) };
    },
    get: (address, headers) => call(address, { headers }),
    send: (method, address) => call(address, { method }),
    job: async (jobId) => (await uploads.get(`/jobs/${jobId}`)).body as unknown as JobBody,
    ended: (jobId) =>
      waitFor(async () => {
        const job = await uploads.job(jobId);
        return ENDED.includes(job.status) ? job : undefined;
      }, 120_000),
    list: async (query) =>
      (await uploads.get(`/jobs${query}`)).body as unknown as { items: JobBody[]; nextCursor: string | null },
    async stream(jobId) {
      const { text } = await uploads.get(`/jobs/${jobId}/events`);
      return [...text.matchAll(/^id: (\d+)\nevent: (\w+)\ndata: (.*)$/gm)].map(
        ([, id, event = '', data = '']) => ({
          id: Number(id),
          event,
          data: JSON.parse(data) as JobBody,
        }),
      );
    },
    async jobCount() {
      const found = await stack.db.pool.query<{ jobs: number }>('select count(*)::int as jobs from jobs');
      return found.rows[0]?.jobs ?? 0;
    },
  };
  return uploads;
}

/** Rows of feeds that are stored and not applied. */
export async function stagedRows(db: Database): Promise<number> {
  const found = await db.pool.query<{ rows: number }>(
    `select ((select count(*) from feed_rows) + (select count(*) from feed_changes))::int as rows`,
  );
  return found.rows[0]!.rows;
}

/** On hand by location. */
export async function onHandOf(db: Database, sku: string): Promise<Record<string, number>> {
  const found = await db.pool.query<{ code: string; on_hand: number }>(
    `select w.code, s.on_hand from stock s join products p on p.id = s.product_id join warehouses w on w.id = s.warehouse_id
     where p.sku = $1`,
    [sku],
  );
  return Object.fromEntries(found.rows.map((row) => [row.code, row.on_hand]));
}
