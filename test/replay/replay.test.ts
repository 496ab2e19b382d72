import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker, type WorkerOptions } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { installTemporalRuntime } from '../../platform/temporal/connection';
import { scratchFolder, testLogger } from '../support/servers';
import { buildWorkflowBundle, withWorkflowBundle } from '../support/workflow-bundle';
import {
  changesSinceFrozen,
  editions,
  freeze,
  HISTORIES,
  historyFile,
  pathsOf,
  PRESENT_EDITION,
} from './editions';
import { PATHS } from './paths';

beforeAll(() => installTemporalRuntime(testLogger()));

async function replay(edition: string, path: string, options: WorkerOptions): Promise<void> {
  const history: unknown = JSON.parse(await readFile(historyFile(edition, path), 'utf8'));
  await Worker.runReplayHistory(options, history, path);
}

test('the present edition has a recorded history of every path, and of no other', () => {
  expect(pathsOf(PRESENT_EDITION)).toEqual([...PATHS].sort());
});

test.each(editions().flatMap((edition) => pathsOf(edition).map((path) => [edition, path] as const)))(
  'the present workflows replay the history %s of "%s"',
  async (edition, path) => {
    const replayed = replay(edition, path, withWorkflowBundle({ taskQueue: 'replay' }));
    await expect(replayed).resolves.toBeUndefined();
  },
);

test('a workflow that was changed incompatibly does not replay a history', async () => {
  const codePath = await buildWorkflowBundle(await scratchFolder('changed-workflows'), false, {
    workflowsPath: require.resolve('./changed-workflows'),
  });
  const changed = { taskQueue: 'replay', workflowBundle: { codePath } };
  await expect(replay(PRESENT_EDITION, 'paid-with-the-order', changed)).rejects.toThrow(
    DeterminismViolationError,
  );
});

test.each(editions())('no history of %s was changed after it was frozen', async (edition) => {
  expect(await changesSinceFrozen(join(HISTORIES, edition))).toEqual([]);
});

test('in a frozen edition a history that is changed, removed or added is found, and it is frozen once', async () => {
  const folder = join(await scratchFolder('histories'), 'edition');
  await mkdir(folder);
  for (const path of ['expired', 'rejected'])
    await cp(historyFile(PRESENT_EDITION, path), join(folder, `${path}.json`));
  expect(await changesSinceFrozen(folder)).toEqual([]);
  await freeze(folder);
  expect(await changesSinceFrozen(folder)).toEqual([]);
  await expect(freeze(folder)).rejects.toThrow('EEXIST');
  await writeFile(join(folder, 'expired.json'), '{}\n');
  await rm(join(folder, 'rejected.json'));
  await writeFile(join(folder, 'partial.json'), '{}\n');
  expect(await changesSinceFrozen(folder)).toEqual([
    'expired.json was changed',
    'partial.json was added',
    'rejected.json was removed',
  ]);
});
