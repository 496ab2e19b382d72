import { newId } from '../../platform/ids';
import type { Reply } from '../api/support';
import { retryUntilFinal } from '../support/retry-until-final';
import type { Harness } from './harness';

/** A client that sends the same request with the same key until it has an answer. */
export function ask(
  { call }: Pick<Harness, 'call'>,
  path: string,
  body: object,
  key = newId(),
): Promise<Reply> {
  const headers = { 'idempotency-key': key };
  return retryUntilFinal(() => call('POST', path, { body, headers }));
}

/** Such a client, for what is on its way: 202 is an answer here. */
export async function send({ call }: Pick<Harness, 'call'>, body: object, key = newId()): Promise<Reply> {
  const headers = { 'idempotency-key': key };
  return retryUntilFinal(async () => {
    const reply = await call('POST', '/inventory/transfer', { body, headers });
    return reply.status === 202 ? { ...reply, status: 201 } : reply;
  });
}

export function transferOf(quantity: number, sku = 'LAMP') {
  return { sku, from: 'AMS', to: 'BER', quantity, mode: 'in_transit' };
}
