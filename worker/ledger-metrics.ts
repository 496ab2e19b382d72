import type { Registry } from 'prom-client';
import { foldOverdueSeconds } from '../domain/stock/partitions/partitions';
import type { Queryable } from '../platform/database/database';
import { addCountedNumber, briefly } from '../platform/telemetry/counted-gauge';

/** Whether old months of the ledger are summed up and dropped in time: of a worker, which knows for how long they are kept. */
export function addLedgerMetrics(registry: Registry, db: Queryable, retentionMonths: number): void {
  addCountedNumber(
    registry,
    {
      name: 'holdfast_ledger_fold_overdue_seconds',
      help: 'For how long the oldest month of the ledger has been past its retention; 0: none is.',
    },
    briefly(() => foldOverdueSeconds(db, retentionMonths)),
  );
}
