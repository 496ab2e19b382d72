import { constraintOf, isAppError, isLostConnection, sqlState } from '../../platform/errors';
import type { StepFailure } from './types';

/** What a step failed for, as a person may read it. */
export function stepFailure(error: unknown): StepFailure {
  return { why: inWords(error), isOfOrder: !failsAll(error) };
}

function inWords(error: unknown): string {
  if (isAppError(error)) return `${error.code}: ${error.message}`;
  const state = sqlState(error);
  if (state === undefined) return 'Holdfast itself fails at it.';
  if (isLostConnection(error)) return `PostgreSQL is away (SQLSTATE ${state}).`;
  switch (state.slice(0, 2)) {
    case '22':
      return `PostgreSQL cannot take a value of it (SQLSTATE ${state}).`;
    case '23':
      return `PostgreSQL refuses what it writes, since that would break a rule of the tables (SQLSTATE ${state}).`;
    case '40':
    case '55':
      return `Its rows are locked by something else (SQLSTATE ${state}).`;
    case '57':
      return `It takes PostgreSQL too long (SQLSTATE ${state}).`;
    default:
      return `PostgreSQL fails at it (SQLSTATE ${state}).`;
  }
}

/** Of PostgreSQL's classes: a statement that does not fit the schema, no resources, taken out of service, a fault of the system. */
const CLASSES_OF_ALL = new Set(['42', '53', '57', '58']);
const STATEMENT_TIMEOUT = '57014';
/** A server that only reads: a stand-by. */
const READ_ONLY = '25006';

/** True when it is not the order that is wrong but the server, the schema or the connection. */
function failsAll(error: unknown): boolean {
  if (isLostConnection(error)) return true;
  const state = sqlState(error);
  if (state === undefined || state === STATEMENT_TIMEOUT) return false;
  // A row for which no partition exists yet.
  if (state === '23514') return constraintOf(error) === undefined;
  return state === READ_ONLY || CLASSES_OF_ALL.has(state.slice(0, 2));
}
