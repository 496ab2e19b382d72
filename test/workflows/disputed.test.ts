import { applyGatewayEvent } from '../../domain/payments/gateway-events';
import type { DisputeStatus } from '../../domain/payments/types';
import type { DisputeView } from '../../domain/payments/view-types';
import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { NEVER_MS, untilShipments } from './carrier';
import { place } from './order';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ slowMs: 300, settings: { SANDBOX_CARRIER_DELAY_MS: NEVER_MS } });
  await addStock(stack.db, 'LAMP', 'AMS', 10);
});
afterAll(() => stack.stop());
afterEach(() => expectAtRest(stack.db));

/** The sandbox's dispute of an order that is cancelled: its refund waits. */
async function disputedAndCancelled() {
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_disputed' });
  await untilShipments(order, 'booked');
  const disputed = await order.until(({ disputes }) => disputes.length > 0);
  expect(disputed).toMatchObject({
    disputes: [{ status: 'needs_response', amountMinor: 1_000 }],
    attention: [{ kind: 'disputed' }],
  });
  const cancelled = await order.cancelLater();
  const waiting = await order.until(({ refunds }) => refunds[0]?.lastError !== undefined);
  expect(waiting.refunds).toMatchObject([
    { status: 'planned', lastError: expect.stringContaining('disputed') as string },
  ]);
  const [dispute] = waiting.disputes;
  return { order, cancelled, close: (status: DisputeStatus) => tell(dispute!, status) };
}

async function tell(dispute: DisputeView, status: DisputeStatus): Promise<void> {
  const { paymentId, gatewayRef, amountMinor, currency, reason } = dispute;
  const told = { gatewayRef, amountMinor, currency, reason, status, dueBy: null };
  const event = { eventId: newId(), type: 'dispute', occurredAt: new Date() };
  expect(
    await applyGatewayEvent(stack.db, 'sandbox', {
      ...event,
      fact: { kind: 'dispute', chargeRef: null, paymentId, ...told },
    }),
  ).toBe('applied');
}

test('a disputed order that is cancelled gets its refund once the dispute is won', async () => {
  const { order, cancelled, close } = await disputedAndCancelled();
  expect((await order.view()).status).toBe('cancelled');
  await close('won');
  expect(await cancelled()).toEqual({ outcome: 'cancelled' });
  expect(await order.closed('refund-disputed')).toEqual({ status: 'cancelled' });
  expect(await order.view()).toMatchObject({ refunds: [{ status: 'succeeded' }], attention: [] });
});

test('a saga that is gone is started again when the dispute is lost, and the refund fails', async () => {
  const { order, close } = await disputedAndCancelled();
  await order.handle.terminate('test');
  await close('lost');
  const { refunds, attention } = await order.until((view) => view.refunds[0]?.status === 'failed');
  expect(refunds[0]?.lastError).toContain('dispute');
  expect(attention.map(({ kind }) => kind)).toEqual(['dispute_lost', 'refund_failed']);
  expect(await stack.temporal.client.workflow.getHandle(order.handle.workflowId).result()).toEqual({
    status: 'cancelled',
  });
});
