/** How many attempts something takes before each has to wait. */
export interface AttemptLimits {
  /** Failures without a wait. */
  free: number;
  /** The wait after the first of the others is a second, and doubles with each up to this. */
  longestWaitSeconds: number;
  /** After so many seconds without an attempt all is forgotten. */
  forgottenAfterSeconds: number;
}

/**
 * `account`: by e-mail address, whether or not it has an account. `address`: by network address, which many people may share. `mail`:
 * requests that send a mail or hash a password without signing in, by network address.
 */
export const ATTEMPT_LIMITS = {
  account: { free: 5, longestWaitSeconds: 900, forgottenAfterSeconds: 86_400 },
  address: { free: 50, longestWaitSeconds: 60, forgottenAfterSeconds: 900 },
  mail: { free: 20, longestWaitSeconds: 300, forgottenAfterSeconds: 3_600 },
} as const satisfies Record<string, AttemptLimits>;

export type AttemptKind = keyof typeof ATTEMPT_LIMITS;

/** Seconds that the next attempt has to wait after so many failures. */
export function waitAfter(failures: number, { free, longestWaitSeconds }: AttemptLimits): number {
  if (failures < free) return 0;
  return Math.min(longestWaitSeconds, 2 ** Math.min(failures - free, 30));
}

/**
 * The part of a network address that counts: of IPv6 the first 64 bits, since one customer of a provider has all of the rest.
 * IPv4 within IPv6 is IPv4.
 */
export function networkOf(address: string): string {
  const [plain = ''] = address.toLowerCase().split('%');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain);
  if (mapped?.[1]) return mapped[1];
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros =
    tail === undefined ? [] : Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0');
  const groups = [...first, ...zeros, ...last].slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ''));
  return `${groups.join(':')}::/64`;
}
