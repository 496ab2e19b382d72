/** A PaymentIntent as Stripe has it, and what Stripe knows besides. Amounts as Stripe counts them. */
export interface Intent {
  id: string;
  amount: number;
  currency: string;
  amount_received: number;
  amount_capturable: number;
  capture_method: string;
  status: string;
  payment_method: string | null;
  customer: string | null;
  setup_future_usage: string | null;
  cancellation_reason: string | null;
  next_action: Record<string, unknown> | null;
  last_payment_error: Record<string, unknown> | null;
  latest_charge: string | null;
  /** How often money was taken. */
  captures: number;
}

export interface Refund {
  id: string;
  failure_reason?: string | null;
  payment_intent: string;
  amount: number;
  status: string;
  metadata: Record<string, string>;
}

/** A balance transaction. */
export interface Transaction {
  id: string;
  source: string;
  amount: number;
  currency: string;
  reporting_category: 'charge';
  created: number;
}

export interface Answer {
  status: number;
  body: unknown;
  /** The stored response to an earlier request with the key. */
  isReplayed?: boolean;
}

/** Until when Stripe keeps an authorisation here: Unix time in seconds. */
export const CAPTURE_BEFORE = 1_900_000_000;

/**
 * Intents, refunds and customers as Stripe documents them.
 *
 * Payment methods: `pm_ok`, `pm_declined`, `pm_processing` (processing until `finish`), `pm_challenge` (wants the customer, until
 * `authenticate`), `pm_challenge_app` (the same, without a page), `pm_single` (is captured in one), `pm_capture_declined` (the issuer
 * refuses captures), `pm_sepa` (is no card), `pm_refund_pending` (refunds are pending until `finishRefund`). All of these may be used again, as
 * Stripe's own test methods; `pm_own…` is one of a customer's: once used without a Customer, or with another, it may not be.
 */
export class StripeState {
  readonly intents = new Map<string, Intent>();
  readonly refunds: Refund[] = [];
  readonly customers: string[] = [];
  /** When the captures that come are booked, one after the other: Unix time in seconds. Others are not booked yet. */
  readonly bookingTimes: number[] = [];
  readonly transactions: Transaction[] = [];
  /** Methods `pm_own…` that were used, with the Customer they belong to since; null: with none. */
  private readonly used = new Map<string, string | null>();
  /** Part of each id, where ids of several of these must differ. */
  idMark = '';

  intent(id: string): Intent {
    const intent = this.intents.get(id);
    if (!intent) throw new Error(`no intent ${id}`);
    return intent;
  }

  /** What was processing comes to its end. */
  finish(id: string, status: 'succeeded' | 'requires_payment_method'): void {
    const intent = this.intent(id);
    if (status === 'succeeded') paid(intent);
    else intent.status = status;
  }

  /** The customer has been on the page of the bank's. */
  authenticate(id: string, end: 'succeeded' | 'failed'): void {
    const intent = this.intent(id);
    if (intent.status !== 'requires_action') throw new Error(`${id} is ${intent.status}`);
    intent.next_action = null;
    if (end === 'succeeded') paid(intent);
    else refuse(intent, { type: 'card_error', code: 'payment_intent_authentication_failure' });
  }

  /** The time is over in which an authorisation can be captured. */
  lapse(id: string): void {
    const intent = this.intent(id);
    if (intent.status !== 'requires_capture') throw new Error(`${id} is ${intent.status}`);
    ended(intent, intent.amount_received > 0 ? 'succeeded' : 'canceled', 'automatic');
  }

  /** What became of a refund in the end, also of one that had succeeded. */
  finishRefund(id: string, status: 'succeeded' | 'failed'): void {
    const refund = this.refunds.find((one) => one.id === id);
    if (!refund) throw new Error(`no refund ${id}`);
    Object.assign(refund, {
      status,
      failure_reason: status === 'failed' ? 'expired_or_canceled_card' : null,
    });
  }

  /** The intent as it is sent: its charge as an id, or with what is asked for. */
  show(id: string, params: URLSearchParams): Answer {
    const intent = this.intent(id);
    const charge = intent.latest_charge;
    if (charge === null || params.get('expand[0]') !== 'latest_charge.balance_transaction')
      return { status: 200, body: intent };
    const multicapture = { status: mayCaptureInParts(intent) ? 'available' : 'unavailable' };
    const card =
      intent.capture_method === 'manual'
        ? { capture_before: CAPTURE_BEFORE, multicapture }
        : { multicapture };
    return {
      status: 200,
      body: {
        ...intent,
        latest_charge: {
          id: charge,
          object: 'charge',
          payment_method_details: { type: 'card', card },
          balance_transaction: this.transactions.find(({ source }) => source === charge) ?? null,
        },
      },
    };
  }

  createCustomer(): Answer {
    const id = `cus_${this.idMark}${this.customers.length + 1}`;
    this.customers.push(id);
    return { status: 200, body: { id, object: 'customer' } };
  }

  create(params: URLSearchParams): Answer {
    const method = params.get('payment_method');
    const amount = Number(params.get('amount'));
    if (method === 'pm_unknown')
      return refusal(400, { type: 'invalid_request_error', code: 'resource_missing' });
    if (method === 'pm_sepa' && params.get('allowed_payment_method_types[0]') === 'card')
      return refusal(400, {
        type: 'invalid_request_error',
        code: 'payment_intent_incompatible_payment_method',
      });
    if (method !== null && !this.mayUse(method, params.get('customer')))
      return refusal(400, {
        type: 'invalid_request_error',
        message:
          'The provided PaymentMethod was previously used without Customer attachment. It may not be used again.',
      });
    if (amount < 50) return refusal(400, { type: 'invalid_request_error', code: 'amount_too_small' });
    const intent: Intent = {
      id: `pi_${this.idMark}${this.intents.size + 1}`,
      amount,
      amount_received: 0,
      amount_capturable: 0,
      currency: params.get('currency') ?? '',
      capture_method: params.get('capture_method') ?? 'automatic',
      status: 'requires_confirmation',
      payment_method: method,
      customer: params.get('customer'),
      setup_future_usage: params.get('setup_future_usage'),
      cancellation_reason: null,
      next_action: null,
      last_payment_error: null,
      latest_charge: null,
      captures: 0,
    };
    this.intents.set(intent.id, intent);
    return { status: 200, body: intent };
  }

  confirm(id: string, params: URLSearchParams): Answer {
    const intent = this.intent(id);
    if (intent.status !== 'requires_confirmation') return unexpectedState(intent);
    const { payment_method: method, customer } = intent;
    if (method !== null && !this.mayUse(method, customer))
      return refusal(400, { type: 'invalid_request_error', message: 'It may not be used again.' });
    if (method?.startsWith('pm_own'))
      this.used.set(method, intent.setup_future_usage === null ? (this.used.get(method) ?? null) : customer);
    switch (method) {
      case 'pm_processing':
        intent.status = 'processing';
        return this.show(id, params);
      case 'pm_challenge':
      case 'pm_challenge_app':
        return this.challenge(intent, params);
      case 'pm_declined':
        return refuse(intent, {
          type: 'card_error',
          code: 'card_declined',
          decline_code: 'insufficient_funds',
        });
      default:
        paid(intent);
        return this.show(id, params);
    }
  }

  private mayUse(method: string, customer: string | null): boolean {
    const of = this.used.get(method);
    return of === undefined || (of !== null && of === customer);
  }

  private challenge(intent: Intent, params: URLSearchParams): Answer {
    if (params.get('off_session') === 'true')
      return refuse(intent, { type: 'card_error', code: 'authentication_required' });
    const returnUrl = params.get('return_url');
    intent.status = 'requires_action';
    intent.next_action =
      returnUrl === null || intent.payment_method === 'pm_challenge_app'
        ? { type: 'use_stripe_sdk', use_stripe_sdk: {} }
        : {
            type: 'redirect_to_url',
            redirect_to_url: { url: `https://hooks.stripe.example/3ds/${intent.id}`, return_url: returnUrl },
          };
    return this.show(intent.id, params);
  }

  capture(id: string, params: URLSearchParams): Answer {
    const intent = this.intent(id);
    if (intent.status !== 'requires_capture') return unexpectedState(intent);
    if (intent.payment_method === 'pm_capture_declined')
      return refusal(402, { type: 'card_error', code: 'card_declined', decline_code: 'do_not_honor' });
    const amount = Number(params.get('amount_to_capture') ?? intent.amount_capturable);
    const isFinal = params.get('final_capture') !== 'false';
    if (!isFinal && !mayCaptureInParts(intent))
      return refusal(400, { type: 'invalid_request_error', param: 'final_capture' });
    if (amount > intent.amount_capturable)
      return refusal(400, { type: 'invalid_request_error', code: 'amount_too_large' });
    if (amount === 0 && !(isFinal && intent.amount_received > 0))
      return refusal(400, { type: 'invalid_request_error', param: 'amount_to_capture' });
    intent.amount_received += amount;
    intent.amount_capturable -= amount;
    if (amount > 0) {
      intent.captures += 1;
      this.book(intent, amount);
    }
    if (isFinal || intent.amount_capturable === 0) ended(intent, 'succeeded');
    return this.show(id, params);
  }

  cancel(id: string, params: URLSearchParams): Answer {
    const intent = this.intent(id);
    const isOpen = intent.status !== 'succeeded' && intent.status !== 'canceled';
    if (!isOpen || intent.amount_received > 0) return unexpectedState(intent);
    ended(intent, 'canceled', params.get('cancellation_reason'));
    return { status: 200, body: intent };
  }

  refund(params: URLSearchParams): Answer {
    const intent = this.intent(params.get('payment_intent') ?? '');
    const amount = Number(params.get('amount'));
    const earlier = this.refunds
      .filter((refund) => refund.payment_intent === intent.id && refund.status !== 'failed')
      .reduce((sum, refund) => sum + refund.amount, 0);
    if (earlier + amount > intent.amount_received) {
      return refusal(400, {
        type: 'invalid_request_error',
        message: 'Refund amount is greater than what is left.',
      });
    }
    const refund: Refund = {
      id: `re_${this.idMark}${this.refunds.length + 1}`,
      payment_intent: intent.id,
      amount,
      status: intent.payment_method === 'pm_refund_pending' ? 'pending' : 'succeeded',
      metadata: {
        refundId: params.get('metadata[refundId]') ?? '',
        keyNumber: params.get('metadata[keyNumber]') ?? '',
      },
    };
    this.refunds.push(refund);
    return { status: 200, body: refund };
  }

  private book({ latest_charge: source, currency }: Intent, amount: number): void {
    const created = this.bookingTimes.shift();
    if (created === undefined || source === null) return;
    const id = `txn_${this.transactions.length + 1}`;
    this.transactions.push({ id, source, amount, currency, reporting_category: 'charge', created });
  }

  /** The newest first. */
  listTransactions(params: URLSearchParams): Answer {
    const data = this.transactions.filter(({ source }) => source === params.get('source')).reverse();
    return { status: 200, body: { object: 'list', data, has_more: false } };
  }

  listRefunds(params: URLSearchParams): Answer {
    const data = this.refunds.filter((refund) => refund.payment_intent === params.get('payment_intent'));
    return { status: 200, body: { object: 'list', data, has_more: false } };
  }
}

export function refusal(status: number, error: Record<string, unknown>): Answer {
  return { status, body: { error: { message: 'Refused.', ...error } } };
}

function unexpectedState(intent: Intent): Answer {
  return refusal(400, {
    type: 'invalid_request_error',
    code: 'payment_intent_unexpected_state',
    message: `This PaymentIntent's status is ${intent.status}.`,
  });
}

function mayCaptureInParts({ payment_method: method }: Intent): boolean {
  return method !== 'pm_single';
}

/** Money is taken, or set aside. */
function paid(intent: Intent): void {
  intent.latest_charge = intent.id.replace('pi_', 'ch_');
  if (intent.capture_method === 'manual') {
    intent.status = 'requires_capture';
    intent.amount_capturable = intent.amount;
    return;
  }
  intent.status = 'succeeded';
  intent.amount_received = intent.amount;
  intent.captures += 1;
}

function refuse(intent: Intent, error: Record<string, unknown>): Answer {
  intent.status = 'requires_payment_method';
  intent.payment_method = null;
  intent.last_payment_error = error;
  return refusal(402, { ...error, message: 'Declined.', payment_intent: intent });
}

function ended(intent: Intent, status: 'succeeded' | 'canceled', reason: string | null = null): void {
  intent.status = status;
  intent.amount_capturable = 0;
  intent.next_action = null;
  intent.cancellation_reason = status === 'canceled' ? reason : null;
}
