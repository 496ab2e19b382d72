import type { Request } from 'express';
import { carrierSecretsOf, type Settings } from '../../platform/config';
import { verifyWebhook } from '../../platform/webhook-signature';
import { problem } from '../http/problems';

type SignatureSettings = Pick<Settings, 'CARRIER_WEBHOOK_SECRETS' | 'CARRIER_UPDATES_UNSIGNED'>;

/**
 * Refuses updates that no secret of the carrier has signed. A carrier without a secret may send unsigned ones only where
 * CARRIER_UPDATES_UNSIGNED allows it.
 *
 * @param body the bytes as they were sent
 * @throws `SIGNATURE_MISSING`, `SIGNATURE_INVALID`, `SIGNATURE_EXPIRED`
 */
export function expectSigned(settings: SignatureSettings, carrier: string, req: Request, body: Buffer): void {
  const secrets = carrierSecretsOf(settings, carrier);
  if (secrets.length === 0 && settings.CARRIER_UPDATES_UNSIGNED === 'allow') return;
  const headers = {
    'webhook-id': req.get('webhook-id'),
    'webhook-timestamp': req.get('webhook-timestamp'),
    'webhook-signature': req.get('webhook-signature'),
  };
  const verdict = verifyWebhook(secrets, { headers, body });
  if (verdict === 'missing')
    throw problem('SIGNATURE_MISSING', 'Send webhook-id, webhook-timestamp and webhook-signature.');
  if (verdict === 'invalid')
    throw problem(
      'SIGNATURE_INVALID',
      secrets.length === 0
        ? 'No secret is set for this carrier (CARRIER_WEBHOOK_SECRETS).'
        : 'None of the secrets that are set for this carrier has signed this body.',
    );
  if (verdict === 'expired')
    throw problem('SIGNATURE_EXPIRED', 'The webhook-timestamp is more than five minutes from our time.');
}
