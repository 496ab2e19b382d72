import { Context } from '@temporalio/activity';
import { claimUnattended, markOverdue } from '../domain/stock/transfers/overdue';
import type { TransferProgress } from '../domain/stock/transfers/types';
import { readProgress } from '../domain/stock/transfers/views';
import type { Database } from '../platform/database/database';
import { AppError } from '../platform/errors';
import type { Logger } from '../platform/telemetry/log';
import { withFailures } from './failure';

export interface TransferSweepResult {
  looked: number;
  restarted: number;
}

export interface TransferActivities {
  /** How far a transfer has come. */
  readTransfer(transferId: string): Promise<TransferProgress>;
  /** Marks a transfer that has not arrived in time and raises the alert; one that is not late is left as it is. */
  raiseOverdue(transferId: string): Promise<TransferProgress>;
  /** Starts the workflow of every open transfer that has none. One that lives is left alone, however slow it is. */
  sweepTransfers(): Promise<TransferSweepResult>;
}

export interface TransferDependencies {
  db: Database;
  /** By the engine's own record, never by visibility, which lags. */
  transferWorkflowRuns(transferId: string): Promise<boolean>;
  /** Starts the workflow of a transfer, or rings it where it runs. */
  follow(transferId: string): Promise<void>;
  /** A transfer that has not moved for this long is looked at. */
  graceSeconds: number;
  /** One that is merely on its way is looked at again after this long. */
  recheckSeconds: number;
  log: Logger;
}

const BATCH = 100;

export function createTransferActivities(deps: TransferDependencies): TransferActivities {
  const { db, graceSeconds, recheckSeconds, log } = deps;
  return withFailures<TransferActivities>(
    {
      async readTransfer(transferId) {
        const progress = await readProgress(db, transferId);
        if (!progress) throw new AppError('NOT_FOUND', 'There is no such transfer.');
        return progress;
      },
      raiseOverdue: (transferId) => markOverdue(db, transferId),
      async sweepTransfers() {
        const result = { looked: 0, restarted: 0 };
        for (;;) {
          const suspects = await claimUnattended(db, { graceSeconds, recheckSeconds, limit: BATCH });
          for (const { id: transferId } of suspects) {
            // Each may take the engine's whole deadline.
            Context.current().heartbeat(result);
            result.looked += 1;
            if (await deps.transferWorkflowRuns(transferId)) continue;
            log.warn({ transferId }, 'an open transfer has no workflow; it is started again');
            await deps.follow(transferId);
            result.restarted += 1;
          }
          if (suspects.length < BATCH) return result;
        }
      },
    },
    new Set(['NOT_FOUND']),
  );
}
