import { applyGatewayEvent } from '../../domain/payments/gateway-events';
import type { GatewayEvent } from '../../domain/payments/gateway-event-types';
import type { Database } from '../../platform/database/database';
import type { Notice } from './teller';
import { selectNextDispute, updateDisputeTold, type SandboxDispute } from './dispute-queries';

export { insertSandboxDispute as addDispute } from './dispute-queries';

const RESPONSE_DAYS = 7;

/**
 * The dispute that appears next, told by the function that a webhook calls: the sandbox has no address to send from.
 */
export async function nextDispute(tables: Database): Promise<Notice | undefined> {
  const dispute = await selectNextDispute(tables);
  if (!dispute) return undefined;
  return {
    msLeft: dispute.msLeft,
    async tell() {
      await applyGatewayEvent(tables, 'sandbox', asEvent(dispute));
      await updateDisputeTold(tables, dispute.chargeRef);
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
