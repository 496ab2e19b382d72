import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** Where a call is hurt: before Stripe has seen it, or after Stripe has done it and only the response is lost. */
export interface Fault {
  on: 'create' | 'confirm' | 'retrieve' | 'cancel' | 'refund' | 'list';
  when: 'before' | 'after';
  how: 'hang' | 'reset' | ErrorResponse;
}

interface ErrorResponse {
  status: number;
  error: Record<string, unknown>;
  /** Under the idempotency key of the call: returned again for it, as Stripe does with 500 for a day. */
  isStored?: boolean;
}

export interface Call {
  route: Fault['on'];
  idempotencyKey: string | undefined;
  params: URLSearchParams;
}

export interface Intent {
  id: string;
  amount: number;
  status: string;
  payment_method: string | null;
  last_payment_error: Record<string, unknown> | null;
  /** How often money was taken. */
  captures: number;
}

interface Refund {
  id: string;
  failure_reason?: string | null;
  payment_intent: string;
  amount: number;
  status: string;
  metadata: Record<string, string>;
}

interface Answer {
  status: number;
  body: unknown;
  /** The stored response to an earlier request with the key. */
  isReplayed?: boolean;
}

/**
 * Stripe's wire as far as the gateway uses it, with state, which stripe-mock has not: intents and refunds behave as Stripe
 * documents them, idempotency keys replay the first response, and faults can be put into single calls.
 *
 * Payment methods: `pm_ok`, `pm_declined`, `pm_processing` (processing until `finish`), `pm_challenge` (wants the customer),
 * `pm_refund_pending` (refunds are pending until `finishRefund`).
 */
export class ScriptedStripe {
  readonly calls: Call[] = [];
  readonly intents = new Map<string, Intent>();
  readonly refunds: Refund[] = [];
  /** Part of each id, where ids of several of these must differ. */
  idMark = '';
  /** What happens elsewhere while an intent is created. */
  onCreate: () => Promise<void> = () => Promise.resolve();
  /** What happens elsewhere while a refund is asked for. */
  onRefund: () => void = () => undefined;
  private readonly replies = new Map<string, { request: string; answer: Answer }>();
  private readonly faults: Fault[] = [];
  private readonly server = createServer((request, response) => void this.serve(request, response));

  static async start(): Promise<ScriptedStripe> {
    const stripe = new ScriptedStripe();
    await new Promise<void>((resolve) => stripe.server.listen(0, '127.0.0.1', resolve));
    return stripe;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The next call of the route that is not hurt yet is hurt so. */
  fail(...faults: Fault[]): void {
    this.faults.push(...faults);
  }

  /** As Stripe may after 24 hours. */
  forgetKeys(): void {
    this.replies.clear();
  }

  /** What was processing comes to its end. */
  finish(id: string, status: 'succeeded' | 'requires_payment_method'): void {
    const intent = this.intent(id);
    Object.assign(intent, { status, captures: status === 'succeeded' ? 1 : 0 });
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

  routes(): string[] {
    return this.calls.map((call) => call.route);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', this.url);
    const { route, id } = routeOf(request.method, url.pathname);
    const key = request.headers['idempotency-key'];
    const params = request.method === 'POST' ? new URLSearchParams(await text(request)) : url.searchParams;
    const call: Call = { route, idempotencyKey: typeof key === 'string' ? key : undefined, params };
    this.calls.push(call);
    const at = this.faults.findIndex((candidate) => candidate.on === route);
    const [fault] = at < 0 ? [] : this.faults.splice(at, 1);
    const answer = fault?.when === 'before' ? undefined : this.answer(call, id);
    if (fault && typeof fault.how === 'object' && fault.how.isStored)
      this.store(call, id, failureOf(fault.how));
    if (route === 'create') await this.onCreate();
    if (route === 'refund') this.onRefund();
    if (fault?.how === 'hang') return;
    if (fault?.how === 'reset') request.socket.resetAndDestroy();
    else send(response, fault ? failureOf(fault.how) : answer);
  }

  private answer(call: Call, id: string): Answer {
    const known = call.idempotencyKey === undefined ? undefined : this.replies.get(call.idempotencyKey);
    if (known?.request === requestOf(call, id)) return { ...known.answer, isReplayed: true };
    if (known)
      return refusal(400, {
        type: 'idempotency_error',
        message: 'Keys can only be used with the same request.',
      });
    const answer = this.handle(call, id);
    if (call.route !== 'retrieve' && call.route !== 'list') this.store(call, id, answer);
    return answer;
  }

  /** Under the call's key, if it has one. */
  private store(call: Call, id: string, answer: Answer): void {
    if (call.idempotencyKey === undefined) return;
    this.replies.set(call.idempotencyKey, {
      request: requestOf(call, id),
      answer: structuredClone(answer),
    });
  }

  private handle({ route, params }: Call, id: string): Answer {
    switch (route) {
      case 'create':
        return this.create(params);
      case 'confirm':
        return this.confirm(this.intent(id));
      case 'retrieve':
        return { status: 200, body: this.intent(id) };
      case 'cancel':
        return this.cancel(this.intent(id));
      case 'refund':
        return this.refund(params);
      case 'list':
        return {
          status: 200,
          body: { object: 'list', data: this.refunds.filter(ofIntent(params)), has_more: false },
        };
    }
  }

  private create(params: URLSearchParams): Answer {
    const method = params.get('payment_method');
    const amount = Number(params.get('amount'));
    if (method === 'pm_unknown')
      return refusal(400, { type: 'invalid_request_error', code: 'resource_missing' });
    if (amount < 50) return refusal(400, { type: 'invalid_request_error', code: 'amount_too_small' });
    const intent: Intent = {
      id: `pi_${this.idMark}${this.intents.size + 1}`,
      amount,
      status: 'requires_confirmation',
      payment_method: method,
      last_payment_error: null,
      captures: 0,
    };
    this.intents.set(intent.id, intent);
    return { status: 200, body: intent };
  }

  private confirm(intent: Intent): Answer {
    if (intent.status !== 'requires_confirmation') return unexpectedState(intent);
    switch (intent.payment_method) {
      case 'pm_processing':
        intent.status = 'processing';
        return { status: 200, body: intent };
      case 'pm_challenge':
        intent.status = 'requires_action';
        return { status: 200, body: intent };
      case 'pm_declined': {
        intent.status = 'requires_payment_method';
        intent.payment_method = null;
        intent.last_payment_error = {
          type: 'card_error',
          code: 'card_declined',
          decline_code: 'insufficient_funds',
        };
        return refusal(402, { ...intent.last_payment_error, message: 'Declined.', payment_intent: intent });
      }
      default:
        intent.status = 'succeeded';
        intent.captures += 1;
        return { status: 200, body: intent };
    }
  }

  private cancel(intent: Intent): Answer {
    if (intent.status === 'succeeded') return unexpectedState(intent);
    intent.status = 'canceled';
    return { status: 200, body: intent };
  }

  private refund(params: URLSearchParams): Answer {
    const intent = this.intent(params.get('payment_intent') ?? '');
    const amount = Number(params.get('amount'));
    const earlier = this.refunds
      .filter((refund) => ofIntent(params)(refund) && refund.status !== 'failed')
      .reduce((sum, refund) => sum + refund.amount, 0);
    if (earlier + amount > intent.amount) {
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

  private intent(id: string): Intent {
    const intent = this.intents.get(id);
    if (!intent) throw new Error(`no intent ${id}`);
    return intent;
  }
}

function routeOf(method: string | undefined, path: string): { route: Fault['on']; id: string } {
  const [, , resource, id = '', action] = path.split('/');
  if (resource === 'refunds') return { route: method === 'POST' ? 'refund' : 'list', id: '' };
  if (method === 'GET') return { route: 'retrieve', id };
  return { route: action === 'confirm' || action === 'cancel' ? action : 'create', id };
}

function ofIntent(params: URLSearchParams): (refund: Refund) => boolean {
  return (refund) => refund.payment_intent === params.get('payment_intent');
}

function unexpectedState(intent: Intent): Answer {
  return refusal(400, {
    type: 'invalid_request_error',
    code: 'payment_intent_unexpected_state',
    message: `This PaymentIntent's status is ${intent.status}.`,
  });
}

function refusal(status: number, error: Record<string, unknown>): Answer {
  return { status, body: { error: { message: 'Refused.', ...error } } };
}

function send(response: ServerResponse, answer: Answer | undefined): void {
  response.writeHead(answer?.status ?? 500, {
    'content-type': 'application/json',
    ...(answer?.isReplayed ? { 'idempotent-replayed': 'true' } : {}),
  });
  response.end(JSON.stringify(answer?.body ?? {}));
}

function requestOf({ route, params }: Call, id: string): string {
  return `${route} ${id} ${params.toString()}`;
}

function failureOf({ status, error }: ErrorResponse): Answer {
  return { status, body: { error } };
}
