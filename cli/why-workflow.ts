import type { Explanation } from '../domain/administration/why/types';
import type { Settings } from '../platform/config';
import {
  createEngineClient,
  type EngineClient,
  type WorkflowCondition,
} from '../platform/temporal/engine-client';
import { shell } from '../platform/told-commands';
import type { EngineNames } from '../workflows/contract/names';
import { briefErrorText, errorText } from './error-text';
import { locateTemporal } from './servers';
import { openTemporalLink } from './temporal-link';

/** How a workflow stands, in words. */
export interface WorkflowWords {
  id: string;
  /** `unknown`: Temporal could not be asked. */
  state: WorkflowCondition['state'] | 'unknown';
  words: string[];
  /** It should run and does not, or its task fails. */
  isWrong: boolean;
}

/** A task that failed so often does not fail since its worker ended. */
const FAILING_ATTEMPT = 3;

/** Asks Temporal how the workflow of something stands. Where Temporal is away it says so, and the rest is told all the same. */
export async function describeWorkflow(
  settings: Settings,
  names: EngineNames,
  { of, id, mustRun }: NonNullable<Explanation['workflow']>,
): Promise<WorkflowWords> {
  const workflowId = of === 'order' ? names.orderWorkflowId(id) : names.jobWorkflowId(id);
  const unknown = (why: string): WorkflowWords => ({
    id: workflowId,
    state: 'unknown',
    words: [`Temporal was not asked: ${why}`],
    isWrong: false,
  });
  const target = await locateTemporal(settings).catch((error: unknown) => briefErrorText(error));
  if (typeof target === 'string') return unknown(target);
  const link = await openTemporalLink(settings, target);
  const engine = createEngineClient(link.client);
  try {
    return await wordsOf(engine, workflowId, mustRun);
  } catch (error) {
    return unknown(errorText(error));
  } finally {
    await engine.idle();
    await link.close();
  }
}

async function wordsOf(engine: EngineClient, id: string, mustRun: boolean): Promise<WorkflowWords> {
  const { state, task, activities } = await engine.inspect(id);
  const isFailing = task !== null && task.attempt >= FAILING_ATTEMPT;
  const failure = isFailing ? await engine.lastTaskFailure(id, task.runId) : null;
  const words = [stateInWords(state, mustRun)];
  if (task)
    words.push(
      task.isTaken
        ? 'A worker works on its task.'
        : `Its task waits for a worker of the queue ${task.taskQueue} since ${task.offeredAt.toISOString()}.`,
    );
  if (isFailing) words.push(`Its task is at attempt ${task.attempt}.`);
  if (failure)
    words.push(
      `It failed at ${failure.at.toISOString()}: ${failure.message ?? failure.cause} (build ${failure.buildId ?? 'not known'}).`,
      shell`temporal workflow show --workflow-id ${id}`,
    );
  for (const { type, attempt, lastFailure, nextTryAt } of activities)
    words.push(
      `The activity ${type} is at attempt ${attempt}${nextTryAt ? `, tried again at ${nextTryAt.toISOString()}` : ''}${lastFailure === null ? '' : `: ${lastFailure}`}.`,
    );
  return { id, state, words, isWrong: isFailing || (mustRun && state !== 'running') };
}

function stateInWords(state: WorkflowCondition['state'], mustRun: boolean): string {
  switch (state) {
    case 'running':
      return 'It runs.';
    case 'completed':
      return mustRun
        ? 'It has completed although something is left to do: the reconciler starts it again.'
        : 'It has completed.';
    case 'failed':
      return mustRun ? 'It has failed: the reconciler starts it again.' : 'It has failed.';
    case 'gone':
      return mustRun
        ? 'It is gone (terminated, or Temporal has lost it): the reconciler starts it again from the rows.'
        : 'Temporal knows it no more. Nothing is left to do.';
  }
}
