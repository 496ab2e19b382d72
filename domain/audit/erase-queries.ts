import { execute, type Transaction } from '../../platform/database/database';

export async function deletePersonal(tx: Transaction, person: string): Promise<void> {
  await execute(
    tx,
    'audit_personal.delete_of_person',
    `with origins as (delete from audit_origins where person = $1)
     delete from audit_personal where person = $1`,
    [person],
  );
}
