import { readdir, readFile } from 'node:fs/promises';
import { Worker } from '@temporalio/worker';
import { installTemporalRuntime } from '../../platform/temporal/connection';
import { testLogger } from '../support/servers';
import { withWorkflowBundle } from '../support/workflow-bundle';
import { PATHS } from './paths';
import { HISTORIES, historyFile } from './record';

beforeAll(() => installTemporalRuntime(testLogger()));

test('there is a recorded history of every path, and of no other', async () => {
  const recorded = (await readdir(HISTORIES)).map((file) => file.replace(/\.json$/, ''));
  expect(recorded.sort()).toEqual([...PATHS].sort());
});

test.each(PATHS)('the present workflows replay the history of "%s"', async (path) => {
  const history: unknown = JSON.parse(await readFile(historyFile(path), 'utf8'));
  const replay = Worker.runReplayHistory(withWorkflowBundle({ taskQueue: 'replay' }), history, path);
  await expect(replay).resolves.toBeUndefined();
});
