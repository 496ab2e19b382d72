import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { recordChange } from '../audit/record';
import {
  insertService,
  selectAdopter,
  selectService,
  selectServices,
  updateAdopts,
  type ServiceRow,
} from './queries';
import type { ServiceRole } from './types';

export type ServiceView = ServiceRow;

/** Every service, by name. There are few. */
export function listServices(on: Queryable): Promise<ServiceView[]> {
  return selectServices(on);
}

/**
 * The service of this name, made where there is none.
 *
 * @param role of a new one; where there is one, undefined takes whatever it has
 * @throws AppError `UNKNOWN_SERVICE` where there is none and no role is given, `SERVICE_HAS_OTHER_ROLE`
 */
export async function ensureService(
  tx: Transaction,
  wanted: { name: string; role: ServiceRole | undefined; actor: string },
): Promise<ServiceView> {
  const { name, role, actor } = wanted;
  if (role !== undefined) {
    const id = newId();
    if (await insertService(tx, { id, name, role, actor }))
      await recordChange(tx, {
        actor,
        action: 'service.added',
        subject: { type: 'service', id },
        after: { name, role },
      });
  }
  const service = await selectService(tx, name);
  if (!service) throw unknownService(name);
  if (role !== undefined && service.role !== role)
    throw new AppError(
      'SERVICE_HAS_OTHER_ROLE',
      `The service ${service.name} has the role ${service.role}.`,
      {
        role: service.role,
      },
    );
  return service;
}

/**
 * Lets one service have what `anonymous` made, its idempotency keys and what is derived from them included. Again, it changes nothing.
 *
 * @throws AppError `UNKNOWN_SERVICE`, `ADOPTED_BY_ANOTHER` where another service has
 */
export function adoptAnonymous(
  db: Database,
  { name, actor }: { name: string; actor: string },
): Promise<ServiceView> {
  return db.retrying(async (tx) => {
    const service = await selectService(tx, name);
    if (!service) throw unknownService(name);
    const adopter = await selectAdopter(tx);
    if (adopter && adopter.id !== service.id)
      throw new AppError('ADOPTED_BY_ANOTHER', `The service ${adopter.name} has what anonymous made.`);
    if (await updateAdopts(tx, service.id))
      await recordChange(tx, {
        actor,
        action: 'service.adopted_anonymous',
        subject: { type: 'service', id: service.id },
      });
    return { ...service, adoptsAnonymous: true };
  });
}

function unknownService(name: string): Error {
  return new AppError('UNKNOWN_SERVICE', `There is no service ${name}: name its role to make it.`, {
    service: name,
  });
}
