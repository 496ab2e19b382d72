import { parentPort } from 'node:worker_threads';
import { forecastSeries, type SeriesToForecast } from './forecast';

/** What a thread is asked, and answers: forecasts in the order of the series. */
export interface ThreadRequest {
  id: number;
  series: readonly SeriesToForecast[];
}

parentPort?.on('message', ({ id, series }: ThreadRequest) => {
  parentPort?.postMessage({ id, forecasts: series.map(forecastSeries) });
});
