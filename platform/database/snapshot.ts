import { execute, type Transaction } from './database';

/** All statements of this transaction see what was committed at one moment. Before its first statement that reads. */
export function openSnapshot(tx: Transaction): Promise<number> {
  return execute(tx, 'database.snapshot', 'set transaction isolation level repeatable read, read only');
}
