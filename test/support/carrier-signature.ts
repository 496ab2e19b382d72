import { newId } from '../../platform/ids';
import { signWebhook, type SignatureHeaders } from '../../platform/webhook-signature';

/** With it the sandbox carrier's updates are signed in tests. */
export const CARRIER_SECRET = `whsec_${Buffer.from('the secret of the sandbox in tests').toString('base64')}`;

/** The setting of an API or a worker that knows it. */
export const CARRIER_SECRETS = { CARRIER_WEBHOOK_SECRETS: `sandbox=${CARRIER_SECRET}` };

/** The headers of a call of the webhook with this body, as the sandbox carrier signs it. */
export function signedHeaders(
  body: string,
  { secret = CARRIER_SECRET, now = new Date() }: { secret?: string; now?: Date } = {},
): SignatureHeaders {
  return signWebhook([secret], { id: newId(), body, now });
}
