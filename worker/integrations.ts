import type { FileStore } from '../domain/files/types';
import type { RunningCarrier } from '../domain/fulfilment/types';
import type { WebhookSender } from '../domain/webhooks/types';
import type { Gateways } from '../integrations/gateways';
import type { OpenMailer } from '../integrations/mailer';

/** The third parties that orders need. The one that opens them closes them. */
export interface Integrations {
  gateways: Gateways;
  /** At least one: the first takes new shipments (the setting `CARRIER`). */
  carriers: readonly RunningCarrier[];
  /** Reaches the receivers of webhooks. */
  sendWebhook: WebhookSender;
  /** Where files of jobs are kept; null: nowhere. */
  files: FileStore | null;
  /** Null: mails about accounts wait until there is one, and others are not sent. */
  mailer: OpenMailer | null;
}
