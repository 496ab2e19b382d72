import type { Request } from 'express';
import type { GatewayWebhook } from '../../domain/payments/types';
import { notFound, problem } from '../http/problems';

/**
 * Refuses a message that no secret of the gateway has signed.
 *
 * @param body the bytes as they were sent
 * @throws `NOT_FOUND`, `WEBHOOK_NOT_SET_UP`, `SIGNATURE_MISSING`, `SIGNATURE_INVALID`, `SIGNATURE_EXPIRED`
 */
export function expectSignedByGateway(webhook: GatewayWebhook | undefined, req: Request, body: Buffer): void {
  if (!webhook) throw notFound('There is no such gateway, or it sends nothing.');
  // Not 401: the gateway sends it again for days, and so loses nothing until the secret is set.
  if (!webhook.isSetUp)
    throw problem('WEBHOOK_NOT_SET_UP', 'No secret is set for this gateway (STRIPE_WEBHOOK_SECRETS).');
  const verdict = webhook.verify(body, (name) => req.get(name));
  if (verdict === 'missing') throw problem('SIGNATURE_MISSING', "Send the gateway's signature.");
  if (verdict === 'invalid')
    throw problem(
      'SIGNATURE_INVALID',
      'None of the secrets that are set for this gateway has signed this body.',
    );
  if (verdict === 'expired') throw problem('SIGNATURE_EXPIRED', 'It was signed more than five minutes ago.');
}
