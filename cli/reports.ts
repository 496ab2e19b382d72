import { rebuildReports } from '../domain/reports/sums';
import type { Settings } from '../platform/config';
import type { Output } from './output';
import { rebuildSums } from './rebuild-sums';

/** `holdfast reports rebuild`: removes the sums of reports; workers make them anew. */
export function runReportsRebuild(settings: Settings, output: Output): Promise<number> {
  return rebuildSums(settings, output, {
    rebuild: rebuildReports,
    told: 'The sums of reports are removed. A worker makes them anew; until then reports are refused (503).',
  });
}
