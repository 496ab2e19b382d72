import { setTimeout as delay } from 'node:timers/promises';
import { applyGatewayEvent } from '../../domain/payments/gateway-events';
import type { GatewayEvent } from '../../domain/payments/types';
import type { Database } from '../../platform/database/database';
import type { Logger } from '../../platform/telemetry/log';
import { insertSandboxDispute, selectNextDispute, updateDisputeTold, type SandboxDispute } from './queries';

export interface Disputes {
  /** A charge of these tables will be disputed. Again, it changes nothing. */
  add(chargeRef: string): Promise<void>;
  /** Goes on with disputes of a process that is gone. */
  resume(): void;
  /** Resolves when nothing is under way any more. */
  ended(): Promise<void>;
}

const RETRY_MS = 1_000;
const RESPONSE_DAYS = 7;

/**
 * Tells Holdfast of the sandbox's disputes when they appear, by the function that a webhook calls: the sandbox has no address to
 * send from. Works only while there are any. They are rows, so one that a killed process has not told is told by the next.
 */
export function createDisputes({
  tables,
  log,
  afterMs,
  closing,
}: {
  tables: Database;
  log: Logger;
  /** From the capture to the dispute. */
  afterMs: number;
  closing: AbortSignal;
}): Disputes {
  let running: Promise<void> | undefined;
  let isResumed = false;
  /** One was added since it was last looked. */
  let isNew = false;

  async function tellNext(): Promise<boolean> {
    const dispute = await selectNextDispute(tables);
    if (!dispute) return false;
    if (dispute.msLeft > 0) await delay(dispute.msLeft, undefined, { signal: closing });
    await applyGatewayEvent(tables, 'sandbox', asEvent(dispute));
    await updateDisputeTold(tables, dispute.chargeRef);
    return true;
  }

  async function run(): Promise<void> {
    for (let goesOn = true; (goesOn || isNew) && !closing.aborted;) {
      isNew = false;
      goesOn = await tellNext().catch(async (error: unknown) => {
        if (closing.aborted) return false;
        log.warn({ err: error }, 'the sandbox gateway could not tell of a dispute; it tries again');
        await delay(RETRY_MS, undefined, { signal: closing }).catch(() => undefined);
        return true;
      });
    }
    running = undefined;
  }

  return {
    async add(chargeRef) {
      await insertSandboxDispute(tables, chargeRef, afterMs);
      isNew = true;
      running ??= run();
    },
    resume() {
      if (isResumed) return;
      isResumed = true;
      running ??= run();
    },
    async ended() {
      await running;
    },
  };
}

function asEvent({ chargeRef, key, amountMinor, currency, msLeft }: SandboxDispute): GatewayEvent {
  const appearsAt = Date.now() + Math.min(0, msLeft);
  return {
    eventId: `sandbox_evt_${chargeRef}`,
    type: 'dispute.created',
    occurredAt: new Date(appearsAt),
    fact: {
      kind: 'dispute',
      chargeRef,
      paymentId: key,
      gatewayRef: chargeRef.replace('_ch_', '_dp_'),
      amountMinor,
      currency,
      reason: 'fraudulent',
      status: 'needs_response',
      dueBy: new Date(appearsAt + RESPONSE_DAYS * 86_400_000),
    },
  };
}
