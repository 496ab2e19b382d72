import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HistoryAndWorkflowId } from '@temporalio/common';
import type { History } from '@temporalio/common/lib/proto-utils';
import { Worker, type WorkerOptions } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { NO_TRACER } from '../../platform/telemetry/tracer';
import { installTemporalRuntime } from '../../platform/temporal/connection';
import { workflowSpans } from '../../worker/workflow-spans';
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

async function* historiesOf(edition: string, paths: readonly string[]): AsyncGenerator<HistoryAndWorkflowId> {
  for (const path of paths) {
    const history = JSON.parse(await readFile(historyFile(edition, path), 'utf8')) as History;
    yield { workflowId: path, history };
  }
}

/** What each history failed with, by its path; one worker for all of them, since each loads the bundle. */
async function replay(
  edition: string,
  paths: readonly string[],
  options: WorkerOptions,
): Promise<Map<string, Error | undefined>> {
  const failures = new Map<string, Error | undefined>();
  for await (const { workflowId, error } of Worker.runReplayHistories(options, historiesOf(edition, paths)))
    failures.set(workflowId, error);
  return failures;
}

test('the present edition has a recorded history of every path, and of no other', () => {
  expect(pathsOf(PRESENT_EDITION)).toEqual([...PATHS].sort());
});

describe.each(editions())('the present workflows replay, of the edition %s,', (edition) => {
  let failures: Map<string, Error | undefined>;
  beforeAll(async () => {
    failures = await replay(edition, pathsOf(edition), withWorkflowBundle({ taskQueue: 'replay' }));
  });

  test.each(pathsOf(edition))('the history "%s"', (path) => {
    expect([...failures.keys()]).toContain(path);
    expect(failures.get(path)).toBeUndefined();
  });
});

test('a workflow that was changed incompatibly does not replay a history', async () => {
  const codePath = await buildWorkflowBundle(await scratchFolder('changed-workflows'), false, {
    workflowsPath: require.resolve('./changed-workflows'),
  });
  const changed = { taskQueue: 'replay', workflowBundle: { codePath } };
  const path = 'paid-with-the-order';
  const failures = await replay(PRESENT_EDITION, [path, 'unknown-sku'], changed);
  expect(failures.get(path)).toBeInstanceOf(DeterminismViolationError);
  expect(failures.size).toBe(2);
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

/** A history as it would be had its workflow been started, and each of its messages been sent, as part of a trace. */
function asTraced(history: History): History {
  const payload = {
    metadata: { encoding: Buffer.from('json/plain').toString('base64') },
    data: Buffer.from('"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"').toString('base64'),
  };
  const text = JSON.stringify(history, (key, value: unknown) =>
    ['workflowExecutionStartedEventAttributes', 'workflowExecutionSignaledEventAttributes'].includes(key)
      ? { ...(value as object), header: { fields: { traceparent: payload } } }
      : value,
  );
  return JSON.parse(text) as History;
}

test('workflows whose messages are part of a trace make the same commands', async () => {
  async function* traced(): AsyncGenerator<HistoryAndWorkflowId> {
    for await (const { workflowId, history } of historiesOf(PRESENT_EDITION, pathsOf(PRESENT_EDITION)))
      yield { workflowId, history: asTraced(history as History) };
  }
  const options = withWorkflowBundle({ taskQueue: 'replay', sinks: workflowSpans(NO_TRACER) });
  const failures: unknown[] = [];
  let replayed = 0;
  for await (const { workflowId, error } of Worker.runReplayHistories(options, traced())) {
    replayed += 1;
    if (error) failures.push([workflowId, error]);
  }
  expect(failures).toEqual([]);
  expect(replayed).toBe(pathsOf(PRESENT_EDITION).length);
});

test('workflows make the same commands without what hands traces on', async () => {
  const codePath = await buildWorkflowBundle(await scratchFolder('untraced-workflows'), false, {
    workflowInterceptorModules: [],
  });
  const failures = await replay(PRESENT_EDITION, pathsOf(PRESENT_EDITION), {
    taskQueue: 'replay',
    workflowBundle: { codePath },
  });
  expect([...failures].filter(([, error]) => error)).toEqual([]);
  expect(failures.size).toBe(pathsOf(PRESENT_EDITION).length);
});
