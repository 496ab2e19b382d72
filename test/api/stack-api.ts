import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { startStack, type Stack, type StackOptions } from '../support/stack';
import { callApi, type CallOptions, type Reply } from './support';

/** API, worker and sagas on real servers, with what the tests of orders do again and again. */
export interface StackApi {
  stack: Stack;
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
  place(body: unknown, key?: string): Promise<Reply>;
  /** Of an order. */
  status(orderId: string): Promise<string>;
  /** A product of its own, with so many units in one warehouse. */
  newSku(onHand: number): Promise<string>;
  reserved(sku: string): Promise<number>;
  /** The key as it is after a crash that lost the response. */
  forgetAnswer(key: string, state: 'accepted' | 'started'): Promise<void>;
  /** Ends an order's saga by hand. */
  terminate(orderId: string): Promise<void>;
}

export async function openStackApi(options: StackOptions = {}): Promise<StackApi> {
  const stack = await startStack({ ...options, api: true });
  const call: StackApi['call'] = (method, path, options) =>
    callApi(stack.url.replace('/api/v1', ''), method, path, options);
  return {
    stack,
    call,
    place: (body, key) =>
      call('POST', '/orders', { body, headers: key === undefined ? {} : { 'idempotency-key': key } }),
    status: async (orderId) => (await call('GET', `/orders/${orderId}/status`)).body.status,
    async newSku(onHand) {
      const sku = `SKU-${newId().slice(-8)}`;
      await addStock(stack.db, sku, 'AMS', onHand);
      return sku;
    },
    reserved: async (sku) => (await call('GET', `/inventory/${sku}`)).body.reserved,
    async forgetAnswer(key, state) {
      await stack.db.pool.query(
        'update idempotency_keys set state = $2, status = null, body = null where key = $1',
        [key, state],
      );
    },
    async terminate(orderId) {
      await stack.temporal.client.workflow
        .getHandle(stack.names.orderWorkflowId(orderId))
        .terminate('by hand');
    },
  };
}
