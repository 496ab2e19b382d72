import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { openDatabase } from '../../platform/database/database';
import type { Logger } from '../../platform/telemetry/log';
import {
  gatewayUnavailable,
  keyReused,
  refundExceedsCapture,
  refundFailed,
} from '../../domain/payments/errors';
import { ABANDONED } from '../../domain/payments/rules';
import { sandboxCard } from './cards';
import { createDisputes } from './disputes';
import {
  abandonCharge,
  insertSandboxRefund,
  lockCharge,
  receiveCharge,
  selectCharge,
  selectSandboxRefund,
  type SandboxCharge,
  type SandboxRefund,
} from './queries';
import type { ChargeOutcome, ClosableGateway, RefundOutcome } from '../../domain/payments/types';

export interface SandboxGatewayOptions {
  /** The database that holds the schema `sandbox_gateway`. */
  url: string;
  log: Logger;
  /** Longest wait of a call, milliseconds. */
  callTimeoutMs: number;
  /** How long a slow card takes, milliseconds. */
  slowMs?: number;
}

/** Enough for the orders in flight: one call is one short statement, and slow cards wait without a connection. */
const CONNECTIONS = 4;

/**
 * A payment gateway with its own tables in PostgreSQL, on connections of its own and committed alone: a charge that it has
 * captured stays captured when the response, the caller or Holdfast's own transaction is lost. The tokens of `cards.ts` make
 * it decline, fail, lose responses or be slow. A dispute is told to Holdfast by the function that a webhook calls.
 *
 * @throws `PAYMENT_GATEWAY_UNAVAILABLE` and errors of the connection; `PAYMENT_KEY_REUSED` for a known key with another
 * amount, currency or card; `REFUND_EXCEEDS_CAPTURE`, `REFUND_FAILED` from `refund`.
 */
export function createSandboxGateway(options: SandboxGatewayOptions): ClosableGateway {
  const { callTimeoutMs, slowMs = 5_000 } = options;
  const tables = openDatabase({
    url: options.url,
    poolSize: CONNECTIONS,
    log: options.log,
    applicationName: 'holdfast-sandbox-gateway',
    lockTimeoutMs: callTimeoutMs,
    statementTimeoutMs: callTimeoutMs,
  });
  const closing = new AbortController();
  const disputes = createDisputes({ tables, log: options.log, afterMs: slowMs, closing: closing.signal });

  /** The charge settles at its own time; only the call ends at its limit. */
  async function waitUntilSettled(charge: SandboxCharge): Promise<void> {
    if (charge.msLeft <= 0) return;
    await delay(Math.min(charge.msLeft, callTimeoutMs), undefined, { signal: closing.signal });
    if (charge.msLeft > callTimeoutMs) throw gatewayUnavailable('it took too long');
  }

  return {
    name: 'sandbox',
    amountProblem: () => null,

    prepare: () => Promise.resolve({ status: 'prepared', gatewayRef: null }),

    async charge(request) {
      const card = sandboxCard(request.token);
      const charge = await receiveCharge(tables, {
        key: request.paymentId,
        ref: newChargeRef(),
        amountMinor: request.amountMinor,
        currency: request.currency,
        token: request.token,
        outcome: card.outcome,
        declineCode: card.declineCode,
        networkErrors: card.networkErrors,
        settlesInMs: card.slow ? slowMs : 0,
      });
      if (!charge) throw keyReused(request.paymentId);
      if (charge.status === 'received') throw gatewayUnavailable('the connection was reset');
      await waitUntilSettled(charge);
      if (card.isDisputed) await disputes.add(charge.ref);
      if (card.responseLost) throw gatewayUnavailable('the response was lost');
      return asOutcome({ ...charge, msLeft: 0 });
    },

    async find(request) {
      disputes.resume();
      const charge = await selectCharge(tables, request.paymentId);
      return charge && charge.status !== 'received' ? asOutcome(charge) : null;
    },

    async abandon(request) {
      const { paymentId: key, amountMinor, currency, token } = request;
      const ref = newChargeRef();
      const charge = await abandonCharge(tables, {
        key,
        ref,
        amountMinor,
        currency,
        token,
        declineCode: ABANDONED,
      });
      return charge ? asOutcome(charge) : { status: 'unknown' };
    },

    refund: (request) =>
      tables.transaction(async (tx) => {
        const charge = await lockCharge(tx, request.gatewayRef);
        if (!charge || asOutcome(charge).status !== 'captured') {
          throw refundFailed('there is no such captured charge.');
        }
        const { amountMinor } = request;
        const key = `${request.refundId}${request.keyNumber === 1 ? '' : `:${request.keyNumber}`}`;
        const known = await selectSandboxRefund(tx, key);
        if (known) {
          if (known.chargeRef !== charge.ref || known.amountMinor !== amountMinor) throw keyReused(key);
          return refundOutcome(known);
        }
        const card = sandboxCard(charge.token);
        if (card.refund === 'refused') {
          return { status: 'failed', gatewayRef: null, reason: 'the card account is closed' };
        }
        const ref = `sandbox_re_${randomUUID()}`;
        const failsInMs = card.refund === 'fails-later' ? slowMs : null;
        const written = await insertSandboxRefund(tx, {
          key,
          ref,
          chargeRef: charge.ref,
          amountMinor,
          failsInMs,
        });
        if (!written) throw refundExceedsCapture();
        return refundOutcome({ ref, msLeft: failsInMs });
      }),

    async close() {
      closing.abort();
      await disputes.ended();
      await tables.close();
    },
  };
}

function newChargeRef(): string {
  return `sandbox_ch_${randomUUID()}`;
}

function asOutcome(charge: SandboxCharge): ChargeOutcome {
  if (charge.status === 'received' || charge.msLeft > 0) return { status: 'unknown' };
  return charge.status === 'captured'
    ? { status: 'captured', gatewayRef: charge.ref }
    : { status: 'declined', gatewayRef: charge.ref, declineCode: charge.declineCode ?? 'card_declined' };
}

function refundOutcome({ ref: gatewayRef, msLeft }: Pick<SandboxRefund, 'ref' | 'msLeft'>): RefundOutcome {
  if (msLeft === null) return { status: 'succeeded', gatewayRef };
  if (msLeft > 0) return { status: 'pending', gatewayRef };
  return { status: 'failed', gatewayRef, reason: 'the bank of the customer returned it' };
}
