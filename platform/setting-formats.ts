import { isIP } from 'node:net';
import { z } from 'zod';
import { isIanaZone } from './iana-zone';
import { hostNameOf, isLoopback } from './loopback';
import { isWebhookSecret } from './webhook-signature';

/** With commas between. */
export const list = z
  .string()
  .default('')
  .transform((value) =>
    value
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  );

/** Names as in a `Host` header, without a port. */
export const hostNames = list
  .transform((names) => names.map((name) => name.toLowerCase()))
  .superRefine((names, context) => {
    for (const name of names)
      if (hostNameOf(name) !== name) context.addIssue(`${name}: must be a host name without a port`);
  });

/** Origins as browsers send them. */
export const origins = list.superRefine((given, context) => {
  for (const origin of given)
    if (!/^https?:/.test(origin) || !URL.canParse(origin) || new URL(origin).origin !== origin)
      context.addIssue(`${origin}: must be an origin, such as https://shop.example`);
});

/** Addresses and networks, also by these names. */
export function networks(names: readonly string[] = []) {
  const wanted =
    names.length > 0
      ? `an address, a network such as 10.0.0.0/8, or ${names.join(', ')}`
      : 'an address, or a network such as 10.0.0.0/8';
  return list.superRefine((given, context) => {
    for (const network of given)
      if (!names.includes(network) && !isNetwork(network)) context.addIssue(`${network}: must be ${wanted}`);
  });
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/** Time zones as IANA names them. */
export const zones = list.superRefine((names, context) => {
  for (const name of names)
    if (!isIanaZone(name))
      context.addIssue(`${name}: must be the IANA name of a time zone, such as Europe/Paris`);
});

const SECRET_OF_CARRIER = /^([a-z]+)=(.*)$/;

/** `carrier=secret` of these carriers, the same one twice while its secret is changed. */
export function carrierSecrets(carriers: z.ZodType<string>) {
  return list.superRefine((items, context) => {
    for (const item of items) {
      const [, name, secret = ''] = SECRET_OF_CARRIER.exec(item) ?? [];
      // The text is not told: it may be a secret.
      if (!carriers.safeParse(name).success)
        context.addIssue('must be carrier=secret, of a carrier that there is');
      else if (!isWebhookSecret(secret))
        context.addIssue(`the secret of ${name} must be whsec_ and the base64 of 24 to 64 bytes`);
    }
  });
}

/** The secrets of a Stripe webhook endpoint, two while it is replaced. */
export const stripeSecrets = list.superRefine((items, context) => {
  // The text is not told: it may be a secret.
  if (!items.every((item) => /^whsec_\S+$/.test(item)))
    context.addIssue('each must be the signing secret of an endpoint, which begins with whsec_');
});

/** Whether a text is the base64 of 32 bytes. */
export function isKey256(text: string): boolean {
  return /^[A-Za-z0-9+/]{43}=$/.test(text);
}

export const PAYLOAD_KEY = /^([a-z0-9][a-z0-9._-]{0,31})=(.*)$/;

/** `id=key`, each id once. The texts are not told: they are secrets. */
export const payloadKeys = list.superRefine((items, context) => {
  const ids = items.map((item) => PAYLOAD_KEY.exec(item)?.[1]);
  if (items.some((item) => !isKey256(PAYLOAD_KEY.exec(item)?.[2] ?? '')))
    context.addIssue('each must be id=key: an id of small letters and digits, and the base64 of 32 bytes');
  else if (new Set(ids).size < ids.length) context.addIssue('an id is given twice');
});

/** The text is not told: it is a secret. */
export const key256 = z.string().refine(isKey256, 'must be the base64 of 32 bytes').optional();

const OPENID_ROLE = /^(.+)=(customer|operator|admin)$/;

/** `value=role`, of the values of a claim. */
export const openIdRoles = list.superRefine((items, context) => {
  for (const item of items)
    if (!OPENID_ROLE.test(item))
      context.addIssue(`${item}: must be value=customer, value=operator or value=admin`);
});

/** Keys over plain HTTP would be whatever somebody on the way makes of them. */
export const secureUrl = z
  .url({ protocol: /^https?$/ })
  .refine(
    (url) => !URL.canParse(url) || new URL(url).protocol === 'https:' || isLoopback(new URL(url).hostname),
    'must be https',
  );

const BUCKET = /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[\w!.*'()-]+)*\/?$/;
const FOLDER = /^file:\/\/\/[^?#]+$/;

/** Where files are kept: a folder, or a bucket and perhaps a prefix. */
export const fileStoreUrl = z
  .string()
  .refine(
    (given) => BUCKET.test(given) || FOLDER.test(given),
    'must be file:///folder or s3://bucket, perhaps with /prefix',
  )
  .optional();

export const AMOUNT_OF_CURRENCY = /^([A-Z]{3}):(\d{1,15})$/;

/** `currency:minor units`, each currency once. */
export const amountsByCurrency = list.superRefine((items, context) => {
  const seen = new Set<string>();
  for (const item of items) {
    const [, currency] = AMOUNT_OF_CURRENCY.exec(item) ?? [];
    if (currency === undefined)
      context.addIssue(`${item}: must be CURRENCY:amount, such as USD:100000, in minor units`);
    else if (seen.has(currency)) context.addIssue(`${currency}: is given twice`);
    else seen.add(currency);
  }
});

/** Who sends mails: an address, or `Name <address>`. */
export const mailSender = z
  .string()
  .max(320)
  .regex(
    /^([^<>\p{Cc}]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/u,
    'must be an address, or Name <address>',
  )
  .optional();
