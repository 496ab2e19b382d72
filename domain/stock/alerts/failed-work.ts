import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Database, RetryLimits, Queryable } from '../../../platform/database/database';
import { constraintOf, isLockTimeout, isSubjectsOwn, messageOf, sqlState } from '../../../platform/errors';
import { runInHalves } from '../../../platform/halves';
import type { Logger } from '../../../platform/telemetry/log';
import { shell } from '../../../platform/told-commands';
import {
  deleteFailures,
  selectFailureCounts,
  selectFailedWork,
  selectFailures,
  selectSettledDeliveries,
  updateRetryTime,
  upsertFailure,
} from './failed-work-queries';
import type { SettledFailure } from './put-off-sql';
import { WORK, WORK_KINDS, type FailedWork, type Work } from './types';

/** After the first failure; doubled with each further one, up to the longest. */
const FIRST_RETRY_SECONDS = 60;
const LONGEST_RETRY_SECONDS = 3_600;

/** Where each failure is published as it is recorded: the functions that record them have no logger. */
const CHANNEL = 'holdfast:work-failed';

interface PublishedFailure {
  work: Work;
  subject: string;
  error: unknown;
  retryAt: Date;
}

/** Logs each failure that is recorded in this process, with its error, until the function that it returns is called. */
export function logFailures(log: Logger): () => void {
  const listen = (message: unknown) => {
    // Only `recordFailure` publishes on this channel.
    const { error, ...about } = message as PublishedFailure;
    log.error({ err: error, ...about }, 'work on one subject failed; the rest of it goes on');
  };
  subscribe(CHANNEL, listen);
  return () => {
    unsubscribe(CHANNEL, listen);
  };
}

export interface FailureOfWork {
  work: Work;
  subject: string;
  error: unknown;
  /** Until it may be tried again, instead of the time that doubles. */
  pauseSeconds?: number | undefined;
  /** The failure in a row from which an alert tells of it; the first unless given. */
  alertFrom?: number;
}

/**
 * Writes down that work on one subject failed by an error of its own, although the rest of the batch was done: an alert
 * `work_failed` that says what to do, and a time before which the work leaves the subject out. Fails again: the time to the
 * next attempt doubles, up to an hour, and the alert stays one.
 *
 * @returns when it may be tried again
 */
export async function recordFailure(
  db: Queryable,
  { work, subject, error, pauseSeconds, alertFrom = 1 }: FailureOfWork,
): Promise<Date> {
  const retryAt = await upsertFailure(db, {
    work,
    subject,
    firstSeconds: pauseSeconds ?? FIRST_RETRY_SECONDS,
    longestSeconds: pauseSeconds ?? LONGEST_RETRY_SECONDS,
    alertFrom,
    details: {
      work,
      id: subject,
      advice: `${WORK[work].advice} Once it is fixed: ${shell`holdfast work retry ${work} ${subject}`}`,
      error: messageOf(error),
      ...codesOf(error),
    },
  });
  channel(CHANNEL).publish({ work, subject, error, retryAt } satisfies PublishedFailure);
  return retryAt;
}

/** All work that failed and has not succeeded since. */
export function listFailedWork(on: Queryable): Promise<FailedWork[]> {
  return selectFailedWork(on);
}

/** Subjects on which work failed with an alert that nobody has acknowledged, by every kind of work that there is. */
export async function countFailedWork(on: Queryable): Promise<Record<Work, number>> {
  const counts = Object.fromEntries(WORK_KINDS.map((work) => [work, 0])) as Record<Work, number>;
  for (const { work, count } of await selectFailureCounts(on)) counts[work] = count;
  return counts;
}

/** So much failed work is let be tried again by one request: its rows and alerts are locked in one transaction. */
export const RETRIED_AT_ONCE = 1_000;

export interface RetriedWork {
  items: Pick<FailedWork, 'work' | 'subject'>[];
  more: boolean;
}

/**
 * Lets failed work be tried again without the rest of its wait: of one kind or all, on one subject or all. It is done when
 * that work runs next.
 *
 * @returns the work that there is, at most `RETRIED_AT_ONCE`, and whether more still waits: ask again then
 */
export async function retryFailedWork(
  on: Queryable,
  { work, subject }: { work?: Work | undefined; subject?: string | undefined },
): Promise<RetriedWork> {
  const rows = await updateRetryTime(on, {
    work: work ?? null,
    subject: subject ?? null,
    limit: RETRIED_AT_ONCE,
  });
  return {
    items: rows.map((row) => ({ work: row.work, subject: row.subject })),
    more: rows.some(({ more }) => more),
  };
}

function codesOf(error: unknown): { sqlState?: string; constraint?: string } {
  const state = sqlState(error);
  const constraint = constraintOf(error);
  return {
    ...(state === undefined ? {} : { sqlState: state }),
    ...(constraint === undefined ? {} : { constraint }),
  };
}

/** Subjects of a kind of work that failed and have not succeeded since. */
export async function failedSubjects(on: Queryable, work: Work): Promise<Set<string>> {
  return new Set((await selectFailures(on, work)).map(({ subject }) => subject));
}

export interface Failures {
  /** May be tried again, soonest first. */
  due: readonly string[];
  /** Are left out for now. */
  putOff: ReadonlySet<string>;
}

/** The same, by whether they may be tried again now. */
export async function failuresByDue(on: Queryable, work: Work): Promise<Failures> {
  const failures = await selectFailures(on, work);
  const subjects = (due: boolean) =>
    failures.filter((failure) => failure.due === due).map(({ subject }) => subject);
  return { due: subjects(true), putOff: new Set(subjects(false)) };
}

/** The work succeeded, or there is nothing left to do: forgets the failures and resolves their alerts. */
export async function forgetFailures(
  db: Queryable,
  work: Work | readonly Work[],
  subjects: readonly string[],
): Promise<void> {
  if (subjects.length > 0) await deleteFailures(db, [work].flat(), subjects);
}

/** Forgets the failures of which nothing is left to do, as `select` finds them, and resolves their alerts. */
export async function forgetSettled(
  db: Queryable,
  work: Work,
  select: (on: Queryable, work: Work) => Promise<SettledFailure[]>,
): Promise<void> {
  const settled = await select(db, work);
  await forgetFailures(
    db,
    work,
    settled.map(({ subject }) => subject),
  );
}

/** Resolves the alerts of messages that have left the outbox since their delivery failed. */
export function forgetSettledDeliveries(db: Queryable): Promise<void> {
  return forgetSettled(db, 'deliver_message', selectSettledDeliveries);
}

export interface IsolatedWork<Subject> {
  db: Database;
  work: Work;
  idOf(subject: Subject): string;
  /** Does the work on one subject. */
  act(subject: Subject): Promise<void>;
  /** Whether an error is a subject's own. Any other ends the whole call. */
  isOwn(error: unknown): boolean;
}

/**
 * Works on subjects one after the other. One that fails by an error of its own is written down and left out; the others go
 * on. One that failed before and succeeds now is forgotten.
 *
 * @param failed what `failedSubjects` returned at the start
 * @returns how many failed
 */
export async function actOnEach<Subject>(
  subjects: readonly Subject[],
  failed: ReadonlySet<string>,
  { db, work, idOf, act, isOwn }: IsolatedWork<Subject>,
): Promise<number> {
  let failures = 0;
  for (const subject of subjects) {
    const id = idOf(subject);
    try {
      await act(subject);
    } catch (error) {
      if (!isOwn(error)) throw error;
      await recordFailure(db, { work, subject: id, error });
      failures += 1;
      continue;
    }
    if (failed.has(id)) await forgetFailures(db, work, [id]);
  }
  return failures;
}

export interface IsolatedBatch<Subject> {
  db: Database;
  work: Work;
  idOf(subject: Subject): string;
  /**
   * A subject whose rows somebody else keeps locked is left out, and is no failure: whoever brings it brings it again. Otherwise a lock
   * timeout ends the whole call.
   */
  leavesLocked?: boolean;
  /**
   * Does the work on all of these subjects or on none.
   *
   * @param limits of its transaction, where locked ones are left out
   */
  run(subjects: readonly Subject[], limits?: RetryLimits): Promise<void>;
  /** Told of each that failed, or whose rows are locked, before those after it are tried. */
  without?(subject: Subject, error: unknown): void | Promise<void>;
}

/** A session that keeps one order's row locked for a minute must not hold up the parcels of all others. */
const TOGETHER: RetryLimits = { throwsLockTimeout: true };
/** While the one is looked for whose rows are locked, each half of its batch waits no longer than this. */
const IN_PART: RetryLimits = { throwsLockTimeout: true, lockTimeoutMs: 250 };

/**
 * Works on subjects together and, where one fails by an error of its own, in halves until it stands alone. It is written down
 * and left out; the others are done.
 */
export function runIsolated<Subject>(
  subjects: readonly Subject[],
  { db, work, idOf, run, leavesLocked = false, without }: IsolatedBatch<Subject>,
): Promise<void> {
  const isLeft = (error: unknown) => leavesLocked && isLockTimeout(error);
  return runInHalves(
    subjects,
    leavesLocked ? (some) => run(some, some.length === subjects.length ? TOGETHER : IN_PART) : run,
    async (subject, error) => {
      if (!isLeft(error)) await recordFailure(db, { work, subject: idOf(subject), error });
      await without?.(subject, error);
    },
    (error) => isSubjectsOwn(error) || isLeft(error),
  );
}
