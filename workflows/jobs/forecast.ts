import {
  CancellationScope,
  proxyActivities,
  setCurrentDetails,
  setWorkflowOptions,
} from '@temporalio/workflow';
import type { ForecastActivities } from '../../activities/forecasts';
import type { JobWorkflowInput } from '../contract/messages';
import { endAfter, JOB_RETRY } from './job-failure';
import { pinnedToItsBuild } from './pinned';

const { beginForecast, finishForecast } = proxyActivities<
  Pick<ForecastActivities, 'beginForecast' | 'finishForecast'>
>({ startToCloseTimeout: '1 hour', heartbeatTimeout: '30 seconds', retry: JOB_RETRY });
const { abandonForecast, requestForecast } = proxyActivities<
  Pick<ForecastActivities, 'abandonForecast' | 'requestForecast'>
>({ startToCloseTimeout: '10 minutes', retry: JOB_RETRY });
const { forecastProducts } = proxyActivities<Pick<ForecastActivities, 'forecastProducts'>>({
  startToCloseTimeout: '12 hours',
  heartbeatTimeout: '30 seconds',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: JOB_RETRY,
});

type Result = Readonly<Record<string, unknown>>;

/**
 * Forecasts all products. How far it is stands in PostgreSQL, so a run that begins anew goes on from there. Cancelled in the engine it ends as if
 * the job had been cancelled; the forecasts of the job before stay.
 */
export async function forecast({ jobId }: JobWorkflowInput): Promise<Result | null> {
  setCurrentDetails('Starting.');
  const abandon = (error?: { code: string; detail: string }) =>
    CancellationScope.nonCancellable(async () => {
      await abandonForecast({ jobId, error });
      return null;
    });
  try {
    if (!(await beginForecast(jobId))) return null;
    setCurrentDetails('Forecasting products.');
    const { cancelled } = await forecastProducts(jobId);
    if (cancelled) return await abandon();
    setCurrentDetails('Publishing the forecasts.');
    return await finishForecast(jobId);
  } catch (error) {
    return endAfter(error, abandon);
  }
}

setWorkflowOptions(pinnedToItsBuild, forecast);

/** Asks for forecasts of all products. Run by a schedule; the forecasts are a job like any other. */
export function scheduledForecast(): Promise<{ jobId: string }> {
  return requestForecast();
}
