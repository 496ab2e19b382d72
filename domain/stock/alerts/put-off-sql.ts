import type { Work } from './types';

/** A subject whose failure is settled. */
export interface SettledFailure {
  subject: string;
}

/**
 * A statement that finds the subjects `f.subject` of the work $1 that failed and of which nothing is left to do.
 *
 * @param leftToDo a query of what is left to do for one of them
 */
export const settledFailures = (leftToDo: string) =>
  `select f.subject from failed_work f where f.work = $1 and not exists (${leftToDo})`;

/** A condition of SQL: this work on the row with this id is not put off after a failure. */
export const notPutOff = (work: Work, id: string) =>
  `not exists (select from failed_work f where f.work = '${work}' and f.subject = ${id}::text and f.retry_at > statement_timestamp())`;
