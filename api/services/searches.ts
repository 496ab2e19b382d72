import { isPublic } from '../../domain/identity/rules';
import type { Principal } from '../../domain/identity/types';
import type { Database } from '../../platform/database/database';
import type { ApiContext } from './context';

/**
 * Runs a list on the connections for reports. That of somebody who may be anybody waits for one of those few that such lists may hold
 * together, so that reports of operators and services go on whoever searches.
 *
 * @throws AppError `OVERLOADED` where too many wait, or for too long
 */
export function onReports<T>(
  { reports, searches }: Pick<ApiContext, 'reports' | 'searches'>,
  { principal, signal }: { principal: Principal; signal: AbortSignal },
  work: (reports: Database) => Promise<T>,
): Promise<T> {
  return isPublic(principal) ? searches.run(signal, () => work(reports)) : work(reports);
}
