import { newId } from '../../platform/ids';
import type { Reply } from '../api/support';
import { insist } from '../support/insist';
import type { World } from './world';

/** A client that sends the same request with the same key until it has an answer. */
export function ask(
  { call }: Pick<World, 'call'>,
  path: string,
  body: object,
  key = newId(),
): Promise<Reply> {
  const headers = { 'idempotency-key': key };
  return insist(() => call('POST', path, { body, headers }));
}

/** Such a client, for what is on its way: 202 is an answer here. */
export async function send({ call }: Pick<World, 'call'>, body: object, key = newId()): Promise<Reply> {
  const headers = { 'idempotency-key': key };
  return insist(async () => {
    const reply = await call('POST', '/inventory/transfer', { body, headers });
    return reply.status === 202 ? { ...reply, status: 201 } : reply;
  });
}

export function transferOf(quantity: number, sku = 'LAMP') {
  return { sku, from: 'AMS', to: 'BER', quantity, mode: 'in_transit' };
}
