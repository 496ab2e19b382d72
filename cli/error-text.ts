import { isGrpcServiceError } from '@temporalio/client';
import { AppError, isLostConnection, sqlState } from '../platform/errors';

/** What went wrong, in words for whoever runs the command. */
export function reasonOf(error: unknown): string {
  // Refused on several addresses of one name: the sum of them has no message of its own.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  if (isGrpcServiceError(error)) return error.details || error.message;
  return error instanceof Error ? error.message : String(error);
}

/** The same for an error that ends a command: our own and a server's speak for themselves, of any other the stack is needed. */
export function explain(error: unknown): string {
  if (error instanceof AppError) return error.message;
  if (isLostConnection(error) || sqlState(error) !== undefined) {
    return `PostgreSQL: ${reasonOf(error)} (\`holdfast doctor\` tells more)`;
  }
  if (isGrpcServiceError(error)) return `Temporal: ${reasonOf(error)} (\`holdfast doctor\` tells more)`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
