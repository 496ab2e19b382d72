import { retryWork as retryFailedWork } from '../domain/administration/retry';
import { listFailedWork, type RetriedWork } from '../domain/stock/alerts/failed-work';
import { WORK, type Work } from '../domain/stock/alerts/types';
import type { Settings } from '../platform/config';
import { operator } from './operator';
import type { Output } from './output';
import { withDatabase } from './verify';

/** `holdfast work`: work that failed on one subject, one a line. */
export function listWork(settings: Settings, output: Output): Promise<number> {
  return withDatabase(settings, async (db) => {
    const failed = await listFailedWork(db);
    output.json(failed);
    if (failed.length === 0) output.line('No work has failed.');
    for (const { work, subject, attempts, retryAt, error } of failed) {
      output.line(
        `${work}  ${subject}  ${attempts} failed, tried again from ${retryAt.toISOString()}  ${error ?? ''}`,
      );
    }
    return 0;
  });
}

/** `holdfast work retry`: lets it be tried again now. Exit code 1 tells that there is no such failed work. */
export function retryWork(
  settings: Settings,
  which: { work?: Work | undefined; subject?: string | undefined },
  output: Output,
): Promise<number> {
  return withDatabase(settings, async (db) => {
    const retried: RetriedWork['items'] = [];
    let part: RetriedWork;
    do {
      part = await retryFailedWork(db, { ...which, actor: operator() });
      retried.push(...part.items);
    } while (part.more);
    output.json(retried);
    for (const { work, subject } of retried) {
      output.line(`${work}  ${subject}  is tried again ${WORK[work].nextAttempt}.`);
    }
    if (retried.length > 0) return 0;
    output.line('There is no such failed work.');
    return 1;
  });
}
