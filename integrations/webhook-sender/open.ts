import type { WebhookSender } from '../../domain/webhooks/types';
import type { Settings } from '../../platform/config';
import { allowedNetworks } from './address';
import { createWebhookSender } from './sender';

/** The sender that the settings ask for. */
export function openWebhookSender({
  WEBHOOK_ALLOWED_NETWORKS: networks,
  WEBHOOK_TIMEOUT_MS: timeoutMs,
}: Pick<Settings, 'WEBHOOK_ALLOWED_NETWORKS' | 'WEBHOOK_TIMEOUT_MS'>): WebhookSender {
  return createWebhookSender({ allowed: allowedNetworks(networks), timeoutMs });
}
