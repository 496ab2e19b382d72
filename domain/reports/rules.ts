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

/** The day after one, `YYYY-MM-DD`. */
export function dayAfter(date: string): string {
  const day = new Date(`${date}T00:00:00Z`);
  day.setUTCDate(day.getUTCDate() + 1);
  return day.toISOString().slice(0, 10);
}

/** The month after one, `YYYY-MM`. */
export function monthAfter(month: string): string {
  const first = new Date(`${month}-01T00:00:00Z`);
  first.setUTCMonth(first.getUTCMonth() + 1);
  return first.toISOString().slice(0, 7);
}
