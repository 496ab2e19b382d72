import { AppError, messageOf } from '../../platform/errors';

/** Does something at a store, and says so where it fails. @throws AppError `FILE_STORE_UNAVAILABLE` */
export async function atStore<T>(url: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new AppError('FILE_STORE_UNAVAILABLE', `${url}: ${messageOf(cause)}`, {}, { cause });
  }
}
