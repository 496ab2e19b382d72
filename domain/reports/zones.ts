import { AppError, sqlState } from '../../platform/errors';
import { isIanaZone } from '../../platform/iana-zone';

const INVALID_PARAMETER = '22023';

/** @throws AppError `UNKNOWN_ZONE` */
export function expectZone(tz: string): void {
  if (!isIanaZone(tz)) throw unknownZone(tz);
}

/**
 * What is read of such a time zone: PostgreSQL may know fewer than this process.
 *
 * @throws AppError `UNKNOWN_ZONE`; what `reading` throws
 */
export function inZone<T>(tz: string, reading: Promise<T>): Promise<T> {
  return reading.catch((error: unknown) => {
    throw sqlState(error) === INVALID_PARAMETER ? unknownZone(tz) : error;
  });
}

function unknownZone(tz: string): AppError {
  return new AppError(
    'UNKNOWN_ZONE',
    `There is no time zone ${tz}. Give its IANA name, such as Europe/Paris.`,
  );
}
