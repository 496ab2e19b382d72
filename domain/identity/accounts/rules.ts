import type { UserRole, UserStatus } from './types';

/** Whether somebody can administer: one such is always left. */
export function isActiveAdmin({ role, status }: { role: UserRole; status: UserStatus }): boolean {
  return role === 'admin' && status === 'active';
}
