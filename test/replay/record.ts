import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { historyFile, isFrozen, PRESENT_EDITION } from './editions';
import type { Path } from './paths';

/**
 * Keeps the history of a workflow that has walked a path, for the replay test, in the folder of the present edition. Only
 * with RECORD_HISTORIES=1, and never into a frozen edition: histories are what workers of the past have left behind.
 */
export async function keepHistory(handle: WorkflowHandle, path: Path): Promise<void> {
  if (process.env.RECORD_HISTORIES !== '1') return;
  const file = historyFile(PRESENT_EDITION, path);
  if (await isFrozen(dirname(file)))
    throw new Error(
      `The histories of ${PRESENT_EDITION} are frozen: raise the version in package.json first.`,
    );
  const history: unknown = JSON.parse(historyToJSON(await handle.fetchHistory()));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(history, withoutPlaces, 1)}\n`);
}

/** Leaves out where it was recorded: names of machines, and paths in stack traces. Nothing of it matters to a replay. */
function withoutPlaces(key: string, value: unknown): unknown {
  if (key === 'identity') return 'recorder';
  if (key === 'stackTrace') return '';
  const sticky = typeof value === 'object' && value !== null && 'kind' in value;
  return sticky && value.kind === 'TASK_QUEUE_KIND_STICKY' ? { ...value, name: 'sticky' } : value;
}
