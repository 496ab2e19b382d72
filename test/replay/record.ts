import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import type { Path } from './paths';

export const HISTORIES = join(__dirname, 'histories');

export function historyFile(path: Path): string {
  return join(HISTORIES, `${path}.json`);
}

/**
 * Keeps the history of a workflow that has walked a path, for the replay test. Only with RECORD_HISTORIES=1: histories are
 * what workers of the past have left behind, so they are recorded anew only together with a deliberate, versioned change.
 */
export async function keepHistory(handle: WorkflowHandle, path: Path): Promise<void> {
  if (process.env.RECORD_HISTORIES !== '1') return;
  const history: unknown = JSON.parse(historyToJSON(await handle.fetchHistory()));
  await writeFile(historyFile(path), `${JSON.stringify(history, withoutPlaces, 1)}\n`);
}

/** Leaves out where it was recorded: names of machines, and paths in stack traces. Nothing of it matters to a replay. */
function withoutPlaces(key: string, value: unknown): unknown {
  if (key === 'identity') return 'recorder';
  if (key === 'stackTrace') return '';
  const sticky = typeof value === 'object' && value !== null && 'kind' in value;
  return sticky && value.kind === 'TASK_QUEUE_KIND_STICKY' ? { ...value, name: 'sticky' } : value;
}
