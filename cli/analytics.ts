import { rebuildAnalytics } from '../domain/analytics/sums';
import type { Settings } from '../platform/config';
import type { Output } from './output';
import { rebuildSums } from './rebuild-sums';

/** `holdfast analytics rebuild`: removes the sums of analytics; workers make them anew. */
export function runAnalyticsRebuild(settings: Settings, output: Output): Promise<number> {
  return rebuildSums(settings, output, {
    rebuild: rebuildAnalytics,
    told: 'The sums of analytics are removed. A worker makes them anew; until then analytics are refused (503).',
  });
}
