import { Context } from '@temporalio/activity';
import { failuresByDue, forgetFailures, recordFailure } from '../domain/stock/alerts/failed-work';
import type { Work } from '../domain/stock/alerts/types';
import type { Database } from '../platform/database/database';
import { isRetryable } from '../platform/errors';
import { callFailure } from '../platform/temporal/call-failure';
import type { EngineClient } from '../platform/temporal/engine-client';
import type { Logger } from '../platform/telemetry/log';
import { watchStuckWorkflows, type StuckWorkflows } from './stuck-workflows';

/** What has rows, and a workflow for each row that is open; and the workflows that always run. */
export type ReconcileSubject = 'orders' | 'transfers' | 'jobs' | 'returns' | 'standing';

export interface ReconcileInput {
  subject: ReconcileSubject;
}

export interface ReconcileResult {
  /** Suspects that were looked at. */
  looked: number;
  /** Whose workflow was started again. */
  restarted: number;
  /** That were ended, since their workflow had failed. */
  ended: number;
  /** Whose workflow runs and does not go on: its task fails again and again, or no worker takes it. */
  stuck: number;
  /** That could not be looked at, or started again; they are suspects again later. */
  failed: number;
}

/** One kind of row that has a workflow while it is open. */
export interface Reconciled {
  /** What an id is, in logs. */
  key: string;
  /** Under which the failure of one is recorded. */
  work: Work;
  /**
   * Goes on with what others began and did not finish; returns what it finished. Before the suspects; its failure keeps none from being
   * looked at.
   */
  finish?(): Promise<readonly string[]>;
  /** Ids of rows that are open and have rested. */
  suspects(): AsyncIterable<string>;
  /** Ids of what may run without rows, by visibility: asked last, since its failure ends the run. */
  withoutRows?(): Promise<string[]>;
  workflowId(id: string): string;
  /** The order that it is the saga of; null: of none. */
  orderId?(id: string): string | null;
  /** Makes these suspects again in the next run, where it would take longer. */
  lookSoon?(ids: readonly string[]): Promise<void>;
  /** Starts the workflow; one that runs is left alone. Returns false where nothing is left to do for the row. */
  restart(id: string): Promise<boolean>;
  /** Its workflow begins with the first that needs it, so that a missing one is nothing to worry about. */
  startsLate?: boolean;
  /**
   * Ends a row whose workflow has failed and would fail again. Where it is missing, that workflow is started again. Returns
   * false where there is no such row any more.
   */
  end?(id: string): Promise<boolean>;
}

export interface ReconcileActivities {
  /**
   * Starts the workflow of every row that is open and has none. It changes nothing by itself: the workflow reads the rows and
   * goes on from there. A workflow that runs is left alone, however slow it is; one that runs and does not go on raises an alert.
   * A suspect that fails does not stop the others: an alert is raised, and it is left out for a while.
   */
  reconcileWorkflows(subject: ReconcileSubject): Promise<ReconcileResult>;
}

export interface ReconcileDependencies {
  db: Database;
  subjects: Readonly<Record<ReconcileSubject, Reconciled>>;
  /** Asked by the engine's own record, never by visibility, which lags. */
  engine: Pick<EngineClient, 'inspect' | 'lastTaskFailure'>;
  log: Logger;
}

/** With so many suspects in a row for which PostgreSQL or Temporal is away, the rest is left to the next run. */
const AWAY_LIMIT = 3;
/**
 * With so many suspects in a row that Temporal refuses, the cause is taken to be common to all (no permission, no namespace, a
 * search attribute that is missing): the rest is left to the next run, and only one of them gets an alert. More than `AWAY_LIMIT`,
 * since a refusal costs no deadline, and some rows in a row may each be refused for themselves.
 */
const REFUSED_LIMIT = 10;
/** Suspects that failed before and are tried again in one run. */
const RETRY_LIMIT = 100;

export function createReconcileActivities(deps: ReconcileDependencies): ReconcileActivities {
  const { db, subjects, engine, log } = deps;

  type Outcome = 'left' | 'doubtful' | 'stuck' | 'restarted' | 'ended';

  async function look(subject: Reconciled, id: string, watch: StuckWorkflows): Promise<Outcome> {
    const workflowId = subject.workflowId(id);
    const orderId = subject.orderId?.(id) ?? null;
    const condition = await engine.inspect(workflowId);
    if (condition.state === 'running') {
      const verdict = await watch.judge({ workflowId, orderId }, condition);
      if (verdict === 'stuck' || verdict === 'untaken')
        log.error({ workflowId, orderId, verdict, ...condition.task }, 'a workflow runs and does not go on');
      return verdict === 'well' ? 'left' : verdict === 'doubtful' ? 'doubtful' : 'stuck';
    }
    const outcome = await mend(subject, id, condition.state);
    await watch.judge({ workflowId, orderId }, condition);
    return outcome;
  }

  async function mend(
    subject: Reconciled,
    id: string,
    state: 'completed' | 'failed' | 'gone',
  ): Promise<'left' | 'restarted' | 'ended'> {
    const about = { [subject.key]: id };
    if (state === 'failed' && subject.end) {
      if (!(await subject.end(id))) return 'left';
      log.error(about, 'a workflow has failed and left its row open; the row is ended as failed');
      return 'ended';
    }
    if (!(await subject.restart(id))) return 'left';
    // A workflow that completed and left its row open is a defect of ours, or the database was set back.
    const level = state === 'completed' ? 'error' : subject.startsLate ? 'info' : 'warn';
    log[level]({ ...about, state }, 'an open row had no workflow; it was started again');
    return 'restarted';
  }

  async function finish(name: ReconcileSubject): Promise<void> {
    try {
      const finished = (await subjects[name].finish?.()) ?? [];
      if (finished.length > 0) log.info({ subject: name, finished }, 'what others began was finished');
    } catch (error) {
      log.error({ err: error, subject: name }, 'what others began could not be finished');
    }
  }

  return {
    async reconcileWorkflows(name) {
      await finish(name);
      const subject = subjects[name];
      const result = { looked: 0, restarted: 0, ended: 0, stuck: 0, failed: 0 };
      const { work } = subject;
      const { due, putOff } = await failuresByDue(db, work);
      const failedBefore = new Set(due);
      const watch = await watchStuckWorkflows(deps);
      const seen = new Set<string>();
      const doubtful: string[] = [];
      let away = 0;
      /** Refused in a row: whether the cause is their own shows with the next suspect. */
      const refused: { subject: string; error: unknown }[] = [];

      async function record(): Promise<void> {
        for (const failure of refused.splice(0)) await recordFailure(db, { work, ...failure });
      }

      async function refuse(subject: string, error: unknown): Promise<void> {
        refused.push({ subject, error });
        if (refused.length < REFUSED_LIMIT) return;
        // One of them gets an alert and is put off: should the cause be their own after all, the list moves on run by run.
        refused.splice(1);
        await record();
        throw error;
      }

      async function reconcile(id: string): Promise<void> {
        if (putOff.has(id) || seen.has(id)) return;
        seen.add(id);
        // Each may take the whole deadline of several calls.
        Context.current().heartbeat(result);
        result.looked += 1;
        try {
          const outcome = await look(subject, id, watch);
          if (outcome === 'doubtful') doubtful.push(id);
          else if (outcome !== 'left') result[outcome] += 1;
          if (failedBefore.has(id)) await forgetFailures(db, work, [id]);
          away = 0;
          await record();
        } catch (error) {
          result.failed += 1;
          log.error({ err: error, [subject.key]: id }, 'a row could not be reconciled with its workflow');
          away = isAway(error) ? away + 1 : 0;
          if (away === AWAY_LIMIT) throw error;
          if (away > 0) return;
          if (callFailure(error) === 'refused') {
            await refuse(id, error);
          } else {
            await recordFailure(db, { work, subject: id, error });
          }
        }
      }

      for await (const id of subject.suspects()) if (!failedBefore.has(id)) await reconcile(id);
      await record();
      // Those that failed before may no longer be suspects: their alerts end with them. Last, so that they delay no other.
      for (const id of due.slice(0, RETRY_LIMIT)) await reconcile(id);
      await record();
      await subject.lookSoon?.(doubtful);
      for (const id of (await subject.withoutRows?.()) ?? []) await reconcile(id);
      await record();
      return result;
    },
  };
}

function isAway(error: unknown): boolean {
  return isRetryable(error) || callFailure(error) === 'away';
}
