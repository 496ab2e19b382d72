import { mailFolderOf } from '../integrations/mailer';
import { carrierSecretsOf, type Settings } from '../platform/config';
import type { Logger } from '../platform/telemetry/log';

/** Settings that are valid, and with which something does not work that an operator counts on. */
export interface SettingWarning {
  /** Without it nothing is fulfilled; else something is only found out later. */
  severity: 'wrong' | 'incomplete';
  setting: keyof Settings;
  detail: string;
  advice: string;
}

export function settingWarnings(settings: Settings): SettingWarning[] {
  return [...carrierWarnings(settings), ...stripeWarnings(settings), ...accountWarnings(settings)];
}

/** Of these parts of the settings, or of all. */
export function logSettingWarnings(
  settings: Settings,
  log: Logger,
  only?: readonly (keyof Settings)[],
): void {
  for (const { setting, detail, advice } of settingWarnings(settings))
    if (!only || only.includes(setting)) log.warn({ setting }, `${detail}: ${advice}`);
}

function carrierWarnings(settings: Settings): SettingWarning[] {
  const { CARRIER: carrier, CARRIER_UPDATES_UNSIGNED } = settings;
  if (CARRIER_UPDATES_UNSIGNED === 'allow' || carrierSecretsOf(settings, carrier).length > 0) return [];
  return [
    {
      severity: 'wrong',
      setting: 'CARRIER_WEBHOOK_SECRETS',
      detail: `no secret is set for the carrier ${carrier}, so its updates are refused and no order is fulfilled`,
      advice: `set CARRIER_WEBHOOK_SECRETS to ${carrier}=whsec_… in API and worker, the same in both`,
    },
  ];
}

/** API keys are good without either. */
function accountWarnings(settings: Settings): SettingWarning[] {
  const signing: SettingWarning = {
    severity: 'incomplete',
    setting: 'SIGNING_KEYS_SECRET',
    detail: 'no secret is set for the keys of access tokens, so people cannot sign in',
    advice: 'set SIGNING_KEYS_SECRET to the base64 of 32 random bytes in each API, the same in all',
  };
  const mail: SettingWarning = {
    severity: 'incomplete',
    setting: 'SMTP_URL',
    detail:
      'no mailer is set up, so mails about accounts wait in the outbox, and nobody is told of orders and alerts by mail',
    advice:
      'set SMTP_URL and MAIL_FROM in each worker, or MAIL_FOLDER to a folder out of which mails are sent',
  };
  return [
    ...(settings.SIGNING_KEYS_SECRET === undefined ? [signing] : []),
    ...(settings.SMTP_URL === undefined && mailFolderOf(settings) === undefined ? [mail] : []),
  ];
}

function stripeWarnings(settings: Settings): SettingWarning[] {
  const isUsed = settings.STRIPE_API_KEY !== undefined || settings.PAYMENT_GATEWAY === 'stripe';
  if (!isUsed || settings.STRIPE_WEBHOOK_SECRETS.length > 0) return [];
  return [
    {
      severity: 'incomplete',
      setting: 'STRIPE_WEBHOOK_SECRETS',
      detail:
        "no secret is set for Stripe's webhook, so disputes, and refunds that fail after they were made, are not found",
      advice: 'set STRIPE_WEBHOOK_SECRETS to the signing secret of the endpoint in the API',
    },
  ];
}
