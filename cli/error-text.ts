import { isGrpcServiceError } from '@temporalio/client';
import { AppError, isLostConnection, messageOf, sqlState, stackOf } from '../platform/errors';
import { callFailure } from '../platform/temporal/call-failure';

/** What went wrong, for the user of a command. */
export function errorText(error: unknown): string {
  // Refused on several addresses of one name: the sum of them has no message of its own.
  if (error instanceof AggregateError) return error.errors.map(errorText).join('; ');
  if (isGrpcServiceError(error)) return error.details || error.message;
  return messageOf(error);
}

/** The same on one line of others: of a setting that is wrong without the heading, so that it begins with the setting's name. */
export function briefErrorText(error: unknown): string {
  return errorText(error).replace('Invalid settings:\n', '').trim();
}

/** The text of an error that ends a command. An unexpected one is shown with its stack. */
export function commandErrorText(error: unknown): string {
  if (error instanceof AppError) return error.message;
  if (isLostConnection(error) || sqlState(error) !== undefined) {
    return `PostgreSQL: ${errorText(error)} (\`holdfast doctor\` tells more)`;
  }
  if (isGrpcServiceError(error) || callFailure(error) === 'away')
    return `Temporal: ${errorText(error)} (\`holdfast doctor\` tells more)`;
  return stackOf(error);
}
