/**
 * Every type of job: the workflow that does its work (a name of `WORKFLOW_TYPES`), and what the Temporal UI shows of it.
 * The API, the worker and the reconciler take the types of jobs from here.
 */
export const JOBS = {
  feed: { workflow: 'feedImport', summary: 'Imports an inventory feed' },
  products: { workflow: 'feedImport', summary: 'Imports products' },
  consistency: {
    workflow: 'consistencyCheck',
    summary: 'Checks that stock, ledger, reservations, orders and workflows agree',
  },
  reconciliation: {
    workflow: 'reconciliation',
    summary: 'Compares the money ledger with what a gateway or a bank says',
  },
  settlement: { workflow: 'settlement', summary: 'Makes a settlement file' },
  report: { workflow: 'report', summary: 'Makes the file of a report' },
  forecast: { workflow: 'forecast', summary: 'Forecasts the demand of all products' },
} as const satisfies Record<string, { workflow: string; summary: string }>;

export type JobType = keyof typeof JOBS;

/** The keys of `JOBS`. */
export const JOB_TYPES = Object.keys(JOBS) as readonly JobType[];

export const JOB_STATUSES = ['queued', 'running', 'completed', 'cancelled', 'failed'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

export const OPEN_JOB_STATUSES = ['queued', 'running'] as const satisfies readonly JobStatus[];
export const ENDED_JOB_STATUSES = [
  'completed',
  'cancelled',
  'failed',
] as const satisfies readonly JobStatus[];

/** What `GET /downloads/{jobId}` has of a job that has ended. */
export const JOB_FILES = ['csv', 'sql'] as const;
export type JobFile = (typeof JOB_FILES)[number];

export interface JobView {
  jobId: string;
  type: JobType;
  status: JobStatus;
  /** Per cent, 0 to 100: 100 only when it is completed. */
  progress: number;
  processed: number;
  /** null: not known yet. */
  total: number | null;
  /** Mean since it began; null before it did. */
  rowsPerSecond: number | null;
  /** Rows that were refused so far; null where the type of job refuses none. */
  rejected: number | null;
  details: Readonly<Record<string, unknown>>;
  result: Readonly<Record<string, unknown>> | null;
  file: JobFile | null;
  error: { code: string; detail: string } | null;
  cancelRequested: boolean;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  /** Of one that failed: who has seen that, and what they did; null: nobody yet. */
  acknowledged: { at: string; by: string; note: string | null } | null;
  /** Goes up with every change. */
  version: number;
}

/** The actor of jobs that nobody starts. */
export const SCHEDULE = 'schedule';

export interface NewJob {
  /** A job is made once by its id, however often it is asked for. */
  id: string;
  type: JobType;
  input: Readonly<Record<string, unknown>>;
  actor: string;
}

export interface JobProgress {
  processed: number;
  total?: number;
  /** Members that replace those of the same name. `rejected` is shown beside the progress. */
  details?: Readonly<Record<string, unknown>>;
}

export interface JobOutcome {
  result: Readonly<Record<string, unknown>>;
  /** There is a file to download. */
  file?: JobFile;
}

declare module '../../platform/database/outbox' {
  interface OutboxTopics {
    /** Starts the workflow of a job. */
    'job.start': 'jobId';
  }
}

declare module '../../platform/database/notifier' {
  interface Channels {
    /** Jobs that changed. */
    holdfast_jobs: 'jobId';
  }
}
