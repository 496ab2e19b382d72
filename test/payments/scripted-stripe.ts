import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { refusal, StripeState, type Answer } from './stripe-state';

/** Where a call is hurt: before Stripe has seen it, or after Stripe has done it and only the response is lost. */
export interface Fault {
  on:
    | 'customer'
    | 'create'
    | 'confirm'
    | 'retrieve'
    | 'capture'
    | 'cancel'
    | 'refund'
    | 'list'
    | 'transactions';
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

/**
 * Stripe's wire as far as the gateway uses it, with state, which stripe-mock has not: what `StripeState` says, idempotency keys that
 * replay the first response, and faults that can be put into single calls.
 */
export class ScriptedStripe extends StripeState {
  readonly calls: Call[] = [];
  /** What happens elsewhere while an intent is created. */
  onCreate: () => Promise<void> = () => Promise.resolve();
  /** What happens elsewhere while a refund is asked for. */
  onRefund: () => void = () => undefined;
  /** What happens elsewhere just before Stripe does what it is asked for, once. */
  readonly before: Partial<Record<Fault['on'], (() => void) | undefined>> = {};
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
    const meanwhile = this.before[route];
    this.before[route] = undefined;
    meanwhile?.();
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
    if (call.route !== 'retrieve' && call.route !== 'list' && call.route !== 'transactions')
      this.store(call, id, answer);
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
      case 'customer':
        return this.createCustomer();
      case 'create':
        return this.create(params);
      case 'confirm':
        return this.confirm(id, params);
      case 'retrieve':
        return this.show(id, params);
      case 'capture':
        return this.capture(id, params);
      case 'cancel':
        return this.cancel(id, params);
      case 'refund':
        return this.refund(params);
      case 'list':
        return this.listRefunds(params);
      case 'transactions':
        return this.listTransactions(params);
    }
  }
}

function routeOf(method: string | undefined, path: string): { route: Fault['on']; id: string } {
  const [, , resource, id = '', action] = path.split('/');
  if (resource === 'refunds') return { route: method === 'POST' ? 'refund' : 'list', id: '' };
  if (resource === 'balance_transactions') return { route: 'transactions', id: '' };
  if (resource === 'customers') return { route: 'customer', id: '' };
  if (method === 'GET') return { route: 'retrieve', id };
  const isAction = action === 'confirm' || action === 'capture' || action === 'cancel';
  return { route: isAction ? action : 'create', id };
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
