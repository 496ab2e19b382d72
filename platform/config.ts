import { z } from 'zod';
import { configError } from './errors';
import { withFiles } from './secret-settings';
import { withoutAliases } from './setting-aliases';
import {
  AMOUNT_OF_CURRENCY,
  amountsByCurrency,
  carrierSecrets,
  fileStoreUrl,
  hostNames,
  key256,
  list,
  mailSender,
  networks,
  openIdRoles,
  origins,
  PAYLOAD_KEY,
  payloadKeys,
  secureUrl,
  stripeSecrets,
  zones,
} from './setting-formats';

const port = z.coerce.number().int().min(0).max(65_535);
const positive = z.coerce.number().int().min(1);
/** Days for which something is kept; 0: for ever. */
const keptDays = z.coerce.number().int().min(0).max(36_500);
const flag = z
  .enum(['true', 'false', '1', '0'])
  .transform((value) => value === 'true' || value === '1')
  .default(false);
const text = z.string().min(1).optional();
/** Requests a minute; 0: no limit. */
const limit = z.coerce.number().int().min(0).max(1_000_000_000);

const carrierName = z.enum(['sandbox']);

/** Every setting Holdfast reads, by the name of its environment variable. `.env.example` documents each. */
export const settingsSchema = z.object({
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: port.default(8080),
  ALLOWED_HOSTS: hostNames,
  ALLOWED_ORIGINS: origins,
  TRUSTED_PROXIES: networks(['loopback', 'linklocal', 'uniquelocal']),
  HTTP_MAX_CONNECTIONS: positive.max(1_000_000).default(10_000),
  REQUEST_HEADER_SECONDS: positive.max(600).default(15),
  STREAMS: positive.max(1_000_000).default(5_000),
  STREAMS_PER_CALLER: positive.max(1_000_000).default(2_000),
  STREAMS_PER_CUSTOMER: positive.max(1_000_000).default(10),
  LIMIT_READS: limit.default(300_000),
  LIMIT_WRITES: limit.default(60_000),
  LIMIT_CUSTOMER_WRITES: limit.default(600),
  LIMIT_REPORTS: limit.default(6_000),
  LIMIT_UPLOADS: limit.default(600),
  LIMIT_WEBHOOKS: limit.default(60_000),
  LIMIT_REGISTRATIONS: limit.default(120),
  LIMIT_BAD_CREDENTIALS: limit.default(6_000),
  WORKER_ADMIN_PORT: port.optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.enum(['http/protobuf', 'http/json']).default('http/protobuf'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  LOG_FORMAT: z.enum(['json', 'text']).default('json'),
  HOLDFAST_HOME: z.string().min(1).default('.holdfast'),
  HOLDFAST_URL: z.url({ protocol: /^https?$/ }).optional(),
  HOLDFAST_API_KEY: text,
  HOLDFAST_API_KEY_FILE: text,

  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  DATABASE_URL_FILE: text,
  DATABASE_DIRECT_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  DATABASE_DIRECT_URL_FILE: text,
  DATABASE_OWNER_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  DATABASE_OWNER_URL_FILE: text,
  DATABASE_POOL_SIZE: positive.max(500).default(20),
  REPORT_POOL_SIZE: positive.max(100).default(4),

  TEMPORAL_ADDRESS: z
    .string()
    .regex(/^[^\s:]+:\d+$/, 'must be host:port')
    .optional(),
  TEMPORAL_NAMESPACE: z.string().min(1).default('default'),
  TEMPORAL_API_KEY: text,
  TEMPORAL_API_KEY_FILE: text,
  TEMPORAL_TLS: flag,
  TEMPORAL_TLS_CLIENT_CERT_PATH: text,
  TEMPORAL_TLS_CLIENT_KEY_PATH: text,
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: text,
  TEMPORAL_TLS_SERVER_NAME: text,
  TEMPORAL_CLI_PATH: text,
  TEMPORAL_RETENTION_DAYS: positive.max(3_650).optional(),
  TEMPORAL_UI_ORIGINS: origins,
  PAYLOAD_KEYS: payloadKeys,
  PAYLOAD_KEYS_FILE: text,
  WORKER_VERSIONING: z.enum(['on', 'off']).default('on'),

  SIGNING_KEYS_SECRET: key256,
  SIGNING_KEYS_SECRET_FILE: text,
  TOKEN_ISSUER: z.string().min(1).default('holdfast'),
  TOKEN_AUDIENCE: z.string().min(1).default('holdfast-api'),
  MAIL_FOLDER: text,
  SMTP_URL: z.url({ protocol: /^smtps?$/ }).optional(),
  SMTP_URL_FILE: text,
  SMTP_TLS: z.enum(['required', 'off']).default('required'),
  MAIL_FROM: mailSender,
  ACCOUNT_PAGES_URL: z.url({ protocol: /^https?$/ }).optional(),
  OIDC_ISSUER: secureUrl.optional(),
  OIDC_AUDIENCE: text,
  OIDC_JWKS_URL: secureUrl.optional(),
  OIDC_ROLE_CLAIM: text,
  OIDC_ROLES: openIdRoles,
  OIDC_OTHERWISE: z.enum(['customer', 'refuse']).default('customer'),

  PAYMENT_GATEWAY: z.enum(['sandbox', 'stripe']).default('sandbox'),
  STRIPE_API_KEY: text,
  STRIPE_API_KEY_FILE: text,
  STRIPE_API_BASE: z.url().optional(),
  STRIPE_WEBHOOK_SECRETS: stripeSecrets,
  STRIPE_WEBHOOK_SECRETS_FILE: text,
  PAYMENT_CALL_TIMEOUT_MS: positive.default(10_000),
  PAYMENT_UNKNOWN_LIMIT_SECONDS: positive.default(3_600),
  PAYMENT_CALLS: positive.max(1_000).default(32),
  PAYMENT_ATTEMPTS: positive.max(1_000).default(10),
  AMENDMENTS: positive.max(1_000).default(50),
  PAYMENT_ACTION_SECONDS: positive.max(86_400).default(900),
  CAPTURE: z.enum(['now', 'on_shipment']).default('now'),
  AUTHORIZATION_MARGIN_SECONDS: positive.max(2_592_000).default(43_200),
  AUTHORIZATION_LAPSE: z.enum(['capture', 'cancel']).default('capture'),
  SANDBOX_AUTHORIZATION_SECONDS: positive.max(31_536_000).default(604_800),
  SANDBOX_PAGES_URL: z.url({ protocol: /^https?$/ }).optional(),

  PAYOUT_APPROVAL: z.enum(['second_person', 'anyone']).default('second_person'),

  REVIEW_FROM: amountsByCurrency,
  REVIEW_SECONDS: positive.max(31_536_000).default(86_400),
  REVIEW_OTHERWISE: z.enum(['approve', 'reject']).default('reject'),

  CARRIER: carrierName.default('sandbox'),
  CARRIER_CALL_TIMEOUT_MS: positive.max(15_000).default(10_000),
  CARRIER_WEBHOOK_SECRETS: carrierSecrets(carrierName),
  CARRIER_WEBHOOK_SECRETS_FILE: text,
  CARRIER_UPDATES_UNSIGNED: z.enum(['refuse', 'allow']).default('refuse'),
  SANDBOX_CARRIER_DELAY_MS: z.coerce.number().int().min(0).default(500),
  SANDBOX_CARRIER_UNSERVED: list,
  SANDBOX_CARRIER_LOSES: list,
  SANDBOX_CARRIER_WEBHOOK_URL: z.url().optional(),

  WEBHOOK_ALLOWED_NETWORKS: networks(),
  WEBHOOK_TIMEOUT_MS: positive.max(30_000).default(15_000),

  SOURCING_STRATEGY: z.enum(['nearest', 'fewest_shipments', 'balanced', 'priority']).default('nearest'),
  BACKORDER_LIMIT_PRODUCT: positive.max(1_000_000_000).default(1_000_000),
  BACKORDER_LIMIT_CUSTOMER: positive.max(1_000_000_000).default(100_000),
  BACKORDER_WAIT_DAYS: positive.max(3_650).default(90),
  CUSTOMER_HOLD_SECONDS: positive.max(86_400).default(1_800),
  CUSTOMER_UNPAID_ORDERS: positive.max(1_000_000).default(20),
  CUSTOMER_UNPAID_UNITS: positive.max(1_000_000_000).default(1_000),
  ADMISSION_LIMIT: positive.default(128),
  ADMISSION_QUEUE: z.coerce.number().int().min(0).default(2_000),
  RESERVATION_QUEUE: positive.default(2_000),
  RESERVE_LANES: positive.max(64).default(2),
  RESERVE_MAX_BATCH: positive.max(5_000).default(256),
  REQUEST_BODY_SECONDS: positive.max(3_600).default(30),
  OUTCOME_TIMEOUT_MS: positive.default(10_000),
  REPORT_ZONES: zones,
  JOB_WORKERS: positive.max(64).default(8),
  JOB_BATCH_SIZE: positive.max(1_000_000).default(10_000),
  JOB_QUEUE_SIZE: positive.max(100_000).default(100),
  FILE_STORE: fileStoreUrl,
  S3_REGION: z.string().min(1).default('us-east-1'),
  S3_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  S3_ACCESS_KEY_ID: text,
  S3_SECRET_ACCESS_KEY: text,
  S3_SECRET_ACCESS_KEY_FILE: text,
  SETTLEMENT_FILE_RETENTION_DAYS: keptDays.default(0),
  REPORT_FILE_RETENTION_DAYS: keptDays.default(400),
  FEED_BATCH_ROWS: positive.max(200_000).default(20_000),
  FEED_LANES: positive.max(16).default(2),
  FEED_SLOW_BATCH_MS: positive.default(2_000),
  FEED_MAX_MB: positive.default(4_096),
  LEDGER_PARTITIONS_AHEAD: positive.max(120).default(12),
  LEDGER_RETENTION_MONTHS: z.coerce.number().int().min(0).max(1_200).default(0),
  IDEMPOTENCY_RETENTION_DAYS: keptDays.default(30),
  BATCH_RETENTION_DAYS: keptDays.default(90),
  FEED_REJECT_RETENTION_DAYS: keptDays.default(90),
  FEED_RETENTION_DAYS: keptDays.default(400),
  CHECK_RETENTION_DAYS: keptDays.default(90),
  ALERT_RETENTION_DAYS: keptDays.default(365),
  CARRIER_EVENT_RETENTION_DAYS: keptDays.default(180),
  GATEWAY_EVENT_RETENTION_DAYS: keptDays.default(180),
  RESERVATION_RETENTION_DAYS: keptDays.default(365),
  EVENT_RETENTION_DAYS: keptDays.default(28),
  NOTIFICATION_RETENTION_DAYS: keptDays.default(90),
  CONTACT_RETENTION_DAYS: keptDays.default(365),
  EXPIRY_NEAR_DAYS: positive.max(3_650).default(14),
  RETURN_AUTHORISATION_DAYS: positive.max(3_650).default(30),
  RETURN_RESTOCKING_FEE_PERCENT: z.coerce.number().min(0).max(100).multipleOf(0.01).default(0),
  COUNT_TOLERANCE_UNITS: z.coerce.number().int().min(0).default(0),
  RECONCILE_INTERVAL_SECONDS: positive.default(30),
  SEAL_INTERVAL_SECONDS: positive.default(30),
  CONSISTENCY_INTERVAL_SECONDS: positive.default(3_600),
  TRANSFER_TRANSIT_SECONDS: positive.default(604_800),
  SHUTDOWN_DELAY_SECONDS: z.coerce.number().int().min(0).max(600).default(0),
  SHUTDOWN_GRACE_SECONDS: positive.default(15),
});

export type Settings = z.infer<typeof settingsSchema>;

/** A key under which payloads are encrypted. Its id is written beside what it has encrypted. */
export interface PayloadKey {
  id: string;
  /** 32 bytes. */
  key: Buffer;
}

/** The secrets with which updates of this carrier are signed. */
export function carrierSecretsOf(
  { CARRIER_WEBHOOK_SECRETS: given }: Pick<Settings, 'CARRIER_WEBHOOK_SECRETS'>,
  carrier: string,
): string[] {
  return given.flatMap((item) => (item.startsWith(`${carrier}=`) ? [item.slice(carrier.length + 1)] : []));
}

/** Keys under which payloads of workflows are encrypted: the first encrypts, all decrypt. */
export function payloadKeysOf({ PAYLOAD_KEYS: given }: Pick<Settings, 'PAYLOAD_KEYS'>): PayloadKey[] {
  return given.map((item) => {
    const [, id = '', key = ''] = PAYLOAD_KEY.exec(item) ?? [];
    return { id, key: Buffer.from(key, 'base64') };
  });
}

/** Which values of the claim `OIDC_ROLE_CLAIM` give which role. */
export function openIdRolesOf({
  OIDC_ROLES: given,
}: Pick<Settings, 'OIDC_ROLES'>): { value: string; role: 'customer' | 'operator' | 'admin' }[] {
  return given.map((item) => {
    const at = item.lastIndexOf('=');
    // The schema has checked what comes after it.
    return { value: item.slice(0, at), role: item.slice(at + 1) as 'customer' | 'operator' | 'admin' };
  });
}

/** What a customer may keep from others without having paid. */
export function unpaidLimitsOf(
  settings: Pick<Settings, 'CUSTOMER_UNPAID_ORDERS' | 'CUSTOMER_UNPAID_UNITS'>,
): { orders: number; units: number } {
  return { orders: settings.CUSTOMER_UNPAID_ORDERS, units: settings.CUSTOMER_UNPAID_UNITS };
}

/** From which total on orders are reviewed, minor units by currency. */
export function reviewedFrom({ REVIEW_FROM: given }: Pick<Settings, 'REVIEW_FROM'>): Record<string, number> {
  return Object.fromEntries(
    given.map((item) => {
      const [, currency = '', amount] = AMOUNT_OF_CURRENCY.exec(item) ?? [];
      return [currency, Number(amount)];
    }),
  );
}

/** One attempt to ask a gateway is some short calls, and perhaps a long one. Less than what its activity is given beyond it. */
const PAYMENT_GRACE_MS = 2_000;

/** The longest that one attempt to ask a payment gateway takes, milliseconds. */
export function askLimitMs({ PAYMENT_CALL_TIMEOUT_MS }: Pick<Settings, 'PAYMENT_CALL_TIMEOUT_MS'>): number {
  return PAYMENT_CALL_TIMEOUT_MS + PAYMENT_GRACE_MS;
}

/** The API of these settings, as this machine reaches it. */
export function ownAddress({ HOST, PORT }: Pick<Settings, 'HOST' | 'PORT'>): string {
  const anyAddress = HOST === '0.0.0.0' || HOST === '::';
  const host = anyAddress ? '127.0.0.1' : HOST.includes(':') ? `[${HOST}]` : HOST;
  return `http://${host}:${PORT}`;
}

/**
 * Reads and validates all settings at once.
 *
 * @throws AppError `CONFIG_INVALID` whose message names every variable that is wrong and why.
 */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const named = withoutAliases(env);
  const given = withFiles(
    // What is empty counts as not given.
    Object.fromEntries(Object.keys(settingsSchema.shape).map((name) => [name, named[name] || undefined])),
  );
  const parsed = settingsSchema.safeParse(given);
  const problems = parsed.success
    ? crossChecks(parsed.data)
    : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  if (problems.length > 0) throw configError(problems);
  return settingsSchema.parse(given);
}

function crossChecks(settings: Settings): string[] {
  const problems: string[] = [];
  if (settings.PAYMENT_GATEWAY === 'stripe' && !settings.STRIPE_API_KEY) {
    problems.push('STRIPE_API_KEY: is needed when PAYMENT_GATEWAY is stripe');
  }
  if (Boolean(settings.TEMPORAL_TLS_CLIENT_CERT_PATH) !== Boolean(settings.TEMPORAL_TLS_CLIENT_KEY_PATH)) {
    problems.push('TEMPORAL_TLS_CLIENT_CERT_PATH: needs TEMPORAL_TLS_CLIENT_KEY_PATH, and the reverse');
  }
  if ((settings.S3_ACCESS_KEY_ID === undefined) !== (settings.S3_SECRET_ACCESS_KEY === undefined))
    problems.push('S3_SECRET_ACCESS_KEY: needs S3_ACCESS_KEY_ID, and the reverse');
  if (settings.SMTP_URL !== undefined && settings.MAIL_FROM === undefined)
    problems.push('MAIL_FROM: is needed with SMTP_URL');
  if (settings.SMTP_URL !== undefined && settings.MAIL_FOLDER !== undefined)
    problems.push('MAIL_FOLDER: does not go with SMTP_URL');
  const { OIDC_ISSUER, OIDC_AUDIENCE, OIDC_ROLES, OIDC_ROLE_CLAIM, TOKEN_ISSUER } = settings;
  if ((OIDC_ISSUER === undefined) !== (OIDC_AUDIENCE === undefined))
    problems.push('OIDC_AUDIENCE: needs OIDC_ISSUER, and the reverse');
  if (OIDC_ISSUER === TOKEN_ISSUER) problems.push('OIDC_ISSUER: must not be TOKEN_ISSUER');
  if (OIDC_ROLES.length > 0 && OIDC_ROLE_CLAIM === undefined)
    problems.push('OIDC_ROLES: needs OIDC_ROLE_CLAIM, whose values they are');
  const { EVENT_RETENTION_DAYS, LEDGER_RETENTION_MONTHS } = settings;
  // The stream names the ledger's rows: they are not to go before it.
  if (LEDGER_RETENTION_MONTHS > 0 && longerThanMonths(EVENT_RETENTION_DAYS, LEDGER_RETENTION_MONTHS))
    problems.push(
      `EVENT_RETENTION_DAYS: must be 1 to ${LEDGER_RETENTION_MONTHS * SHORTEST_MONTH}, since LEDGER_RETENTION_MONTHS is ${LEDGER_RETENTION_MONTHS}`,
    );
  return [...problems, ...databaseProblems(settings)];
}

const SHORTEST_MONTH = 28;

/** Days of which 0 is for ever. */
function longerThanMonths(days: number, months: number): boolean {
  return days === 0 || days > months * SHORTEST_MONTH;
}

function databaseProblems({
  DATABASE_URL,
  DATABASE_DIRECT_URL,
  DATABASE_OWNER_URL,
}: Pick<Settings, 'DATABASE_URL' | 'DATABASE_DIRECT_URL' | 'DATABASE_OWNER_URL'>): string[] {
  const problems: string[] = [];
  const used = DATABASE_URL && new URL(DATABASE_URL);
  const direct = DATABASE_DIRECT_URL ? new URL(DATABASE_DIRECT_URL) : used;
  const owner = DATABASE_OWNER_URL && new URL(DATABASE_OWNER_URL);
  // A pooler may have another name for the database.
  if (owner && (!direct || direct.pathname !== owner.pathname))
    problems.push('DATABASE_OWNER_URL: needs DATABASE_URL, of the same database');
  if (DATABASE_DIRECT_URL === undefined) return problems;
  // The timeouts are set for the role.
  if (!used || !direct || used.username !== direct.username)
    problems.push('DATABASE_DIRECT_URL: needs DATABASE_URL, of the same role, by way of a pooler');
  else if (owner && owner.host === used.host && owner.host !== direct.host)
    problems.push('DATABASE_OWNER_URL: must be of the server itself, and not of the pooler of DATABASE_URL');
  return problems;
}
