import { availableParallelism } from 'node:os';
import { Context } from '@temporalio/activity';
import {
  abandonForecast,
  beginForecast,
  finishForecast,
  forecastProducts,
  requestScheduledForecast,
} from '../domain/forecasting/run';
import { openForecastThreads } from '../domain/forecasting/threads';
import { isCancelRequested } from '../domain/jobs/jobs';
import type { SourcingStrategy } from '../domain/stock/sourcing/types';
import type { Database } from '../platform/database/database';
import { withFailures } from './failure';
import { withHeartbeats } from './heartbeat';
import type { JobEnd } from './job-end';

export interface ForecastActivities {
  /** Marks the job as running. Returns whether there is something to do: not where it has ended. */
  beginForecast(jobId: string): Promise<boolean>;
  /** Forecasts all products; those that were forecast before are not forecast again. */
  forecastProducts(jobId: string): Promise<{ cancelled: boolean }>;
  /** Publishes the forecasts and ends the job. Returns its result. */
  finishForecast(jobId: string): Promise<Readonly<Record<string, unknown>> | null>;
  /** Ends the job without forecasts. */
  abandonForecast(end: JobEnd): Promise<void>;
  /** Asks for forecasts of all products, once a run of the workflow. */
  requestForecast(): Promise<{ jobId: string }>;
}

export interface ForecastActivityDeps {
  db: Database;
  strategy: SourcingStrategy;
  /** The file of the threads; absent: the product's. */
  threadScript?: string | undefined;
}

/** Products of one transaction: their orders and ledger of two years are in memory together. */
const BATCH = 200;
/** One core is left to everything else. */
const THREADS = Math.max(1, availableParallelism() - 1);

const PERMANENT = new Set(['JOB_NOT_FOUND']);

export function createForecastActivities({
  db,
  strategy,
  threadScript,
}: ForecastActivityDeps): ForecastActivities {
  return withFailures<ForecastActivities>(
    {
      beginForecast: (jobId) => withHeartbeats(() => beginForecast(db, jobId)),

      async forecastProducts(jobId) {
        const { cancellationSignal: signal } = Context.current();
        const threads = openForecastThreads({ threads: THREADS, script: threadScript });
        try {
          return await withHeartbeats(async () => {
            const done = await forecastProducts({ db, threads, strategy, batch: BATCH, signal }, jobId);
            // Cancelled in the engine, or this worker shuts down: both are told as such.
            if (!done && !(await isCancelRequested(db, jobId))) signal.throwIfAborted();
            return { cancelled: !done };
          });
        } finally {
          await threads.close();
        }
      },

      finishForecast: (jobId) => withHeartbeats(async () => (await finishForecast(db, jobId)).result),

      async abandonForecast({ jobId, error }) {
        await abandonForecast(db, jobId, error ?? null);
      },

      async requestForecast() {
        const { workflowExecution } = Context.current().info;
        const { jobId } = await requestScheduledForecast(db, workflowExecution?.runId ?? '');
        return { jobId };
      },
    },
    PERMANENT,
  );
}
