import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { openDatabase } from '../../platform/database/database';
import type { Logger } from '../../platform/telemetry/log';
import { gatewayUnavailable, keyReused } from '../../domain/payments/errors';
import { ABANDONED } from '../../domain/payments/rules';
import { makeCapture, makeVoid } from './captures';
import { sandboxCard, type SandboxCard } from './cards';
import { authenticateIfDue, challengeUrl, nextAct } from './challenges';
import { addDispute, nextDispute } from './disputes';
import {
  abandonCharge,
  hasLapsed,
  receiveCharge,
  selectCharge,
  type SandboxCall,
  type SandboxCharge,
} from './queries';
import { findRefund, makeRefund } from './refunds';
import { createTeller } from './teller';
import type { ChargeOutcome, ChargeRequest, ClosableGateway } from '../../domain/payments/gateway';

export interface SandboxGatewayOptions {
  /** The database that holds the schema `sandbox_gateway`. */
  url: string;
  /** The server itself, where `url` is that of a pooler. */
  directUrl?: string | undefined;
  log: Logger;
  /** Longest wait of a call, milliseconds. */
  callTimeoutMs: number;
  /** How long a slow card takes, milliseconds. */
  slowMs?: number;
  /** How long an authorised charge can be captured. */
  authorizationSeconds?: number;
  /** The API, as the customer's browser reaches it: it serves the page to authenticate on. */
  pagesUrl?: string;
}

/** Enough for the orders in flight: one call is one short statement, and slow cards wait without a connection. */
const CONNECTIONS = 4;

/** A customer who has authenticated once need not again; one who is not there cannot. */
const NOBODY_THERE = 'authentication_required';

/**
 * A payment gateway with its own tables in PostgreSQL, on connections of its own and committed alone: a charge that it has
 * captured stays captured when the response, the caller or Holdfast's own transaction is lost. The tokens of `cards.ts` make
 * it decline, fail, lose responses, be slow or want the customer. A dispute, and what a customer has done, is told to Holdfast by the
 * function that a webhook calls.
 *
 * @throws `PAYMENT_GATEWAY_UNAVAILABLE` and errors of the connection; `PAYMENT_KEY_REUSED` for a known key with another
 * amount, currency, card or way to capture; `REFUND_EXCEEDS_CAPTURE`, `REFUND_FAILED` from `refund`.
 */
export function createSandboxGateway(options: SandboxGatewayOptions): ClosableGateway {
  const { callTimeoutMs, log, slowMs = 5_000, authorizationSeconds = 604_800 } = options;
  const { pagesUrl = 'http://127.0.0.1:8080' } = options;
  const tables = openDatabase({
    url: options.url,
    directUrl: options.directUrl,
    poolSize: CONNECTIONS,
    log,
    applicationName: 'holdfast-sandbox-gateway',
    lockTimeoutMs: callTimeoutMs,
    statementTimeoutMs: callTimeoutMs,
  });
  const closing = new AbortController();
  const { signal } = closing;
  const disputes = createTeller({
    next: () => nextDispute(tables),
    what: 'a dispute',
    log,
    closing: signal,
  });
  const acts = createTeller({
    next: () => nextAct(tables),
    what: 'what a customer has done',
    log,
    closing: signal,
  });

  /** The charge settles at its own time; only the call ends at its limit. */
  async function waitUntilSettled(charge: SandboxCharge): Promise<void> {
    if (charge.msLeft <= 0) return;
    await delay(Math.min(charge.msLeft, callTimeoutMs), undefined, { signal });
    if (charge.msLeft > callTimeoutMs) throw gatewayUnavailable('it took too long');
  }

  function asCall(request: ChargeRequest, card: SandboxCard): SandboxCall {
    const { captureLater } = request;
    const known = {
      key: request.paymentId,
      ref: newChargeRef(),
      amountMinor: request.amountMinor,
      currency: request.currency,
      token: request.token,
      networkErrors: card.networkErrors,
      settlesInMs: card.slow ? slowMs : 0,
      captureLater,
      authorizationSeconds,
      returnUrl: request.returnUrl,
    };
    const { outcome, declineCode } = card;
    if (outcome === 'declined') return { ...known, outcome, declineCode, actsInMs: null };
    if (card.challenge !== null && !request.offSession) {
      const actsInMs = card.challenge === 'answered' ? slowMs : null;
      return { ...known, outcome: 'requires_action', declineCode: null, actsInMs };
    }
    if (card.challenge !== null && request.customerRef === null)
      return { ...known, outcome: 'declined', declineCode: NOBODY_THERE, actsInMs: null };
    return { ...known, outcome: captureLater ? 'authorized' : 'captured', declineCode: null, actsInMs: null };
  }

  async function lookUp(key: string): Promise<SandboxCharge | undefined> {
    const charge = await selectCharge(tables, key);
    if (charge?.status !== 'requires_action' || charge.actsInMs === null || charge.actsInMs > 0)
      return charge;
    await authenticateIfDue(tables, charge.ref);
    return selectCharge(tables, key);
  }

  function asOutcome(charge: SandboxCharge): ChargeOutcome {
    const { ref: gatewayRef, captureBefore } = charge;
    if (charge.msLeft > 0) return { status: 'unknown' };
    switch (charge.status) {
      case 'received':
        return { status: 'unknown' };
      case 'requires_action': {
        const url = challengeUrl(pagesUrl, gatewayRef);
        return { status: 'requires_action', gatewayRef, nextAction: { type: 'redirect', url } };
      }
      case 'authorized':
        if (hasLapsed(charge))
          return charge.capturedMinor > 0
            ? { status: 'captured', gatewayRef }
            : { status: 'declined', gatewayRef, declineCode: 'authorization_expired' };
        return { status: 'authorized', gatewayRef, multicapture: true, captureBefore };
      case 'captured':
        return { status: 'captured', gatewayRef };
      case 'voided':
        return { status: 'declined', gatewayRef, declineCode: 'voided' };
      case 'declined':
        return { status: 'declined', gatewayRef, declineCode: charge.declineCode ?? 'card_declined' };
    }
  }

  return {
    name: 'sandbox',
    amountProblem: () => null,

    prepare({ orderId, keepsMethod, customerRef }) {
      const made = keepsMethod && customerRef === null ? { customerRef: `sandbox_cus_${orderId}` } : {};
      return Promise.resolve({ status: 'prepared', gatewayRef: null, ...made });
    },

    async charge(request) {
      const card = sandboxCard(request.token);
      const charge = await receiveCharge(tables, asCall(request, card));
      if (!charge) throw keyReused(request.paymentId);
      if (charge.status === 'received') throw gatewayUnavailable('the connection was reset');
      await waitUntilSettled(charge);
      if (charge.status === 'captured' && card.isDisputed) {
        await addDispute(tables, charge.ref, slowMs);
        disputes.wake();
      }
      if (card.responseLost) throw gatewayUnavailable('the response was lost');
      if (charge.status !== 'requires_action') return asOutcome({ ...charge, msLeft: 0 });
      acts.wake();
      return asOutcome((await lookUp(request.paymentId)) ?? charge);
    },

    async find(request) {
      disputes.resume();
      acts.resume();
      const charge = await lookUp(request.paymentId);
      if (charge?.isUntold) acts.wake();
      return charge && charge.status !== 'received' ? asOutcome(charge) : null;
    },

    async abandon(request) {
      const { paymentId: key, amountMinor, currency, token, captureLater } = request;
      await lookUp(key);
      const charge = await abandonCharge(tables, {
        key,
        ref: newChargeRef(),
        amountMinor,
        currency,
        token,
        captureLater,
        declineCode: ABANDONED,
      });
      return charge ? asOutcome(charge) : { status: 'unknown' };
    },

    async capture(request) {
      const { outcome, isDisputed } = await tables.transaction((tx) => makeCapture(tx, request, slowMs));
      if (isDisputed) disputes.wake();
      return outcome;
    },

    void: (request) => tables.transaction((tx) => makeVoid(tx, request)),

    refund: (request) => tables.transaction((tx) => makeRefund(tx, request, slowMs)),

    findRefund: (request) => findRefund(tables, request),

    async close() {
      closing.abort();
      await Promise.all([disputes.ended(), acts.ended()]);
      await tables.close();
    },
  };
}

function newChargeRef(): string {
  return `sandbox_ch_${randomUUID()}`;
}
