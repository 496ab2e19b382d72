/**
 * Whether this is the name of a time zone as IANA has it: `UTC`, or area and location. Offsets and abbreviations are none: PostgreSQL reads
 * them in ways of its own, and days of zones with daylight saving are not theirs.
 */
export function isIanaZone(name: string): boolean {
  if (name === 'UTC') return true;
  if (!/^[A-Z][A-Za-z_]*(\/[A-Z][\w+-]*)+$/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
